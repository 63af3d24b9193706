'use client';

import { LineChart } from '@/components/charts/line-chart';
import { Card } from '@/components/ui/card';
import { type ChartPlan, formatOf, formatStep, linesOf, type Run, samplingNote } from './charts';
import type { CurveView } from './curve-controls';

interface ChartGridProps {
  plans: readonly ChartPlan[];
  runs: readonly Run[];
  view: CurveView;
  syncKey: string;
  zoom: readonly [number, number] | null;
  onZoom: (section: [number, number] | null) => void;
}

/** Charts whose cursors and zoom move together. */
export function ChartGrid({ plans, runs, view, syncKey, zoom, onZoom }: ChartGridProps) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-2">
      {plans.map((plan) => {
        const lines = linesOf(plan, runs);
        const x = runs.flatMap((run) => run.series).find((one) => plan.names.includes(one.name))?.x;
        return (
          <Card key={plan.id} className="min-w-0 p-4">
            <h3 className="font-medium text-sm">{plan.title}</h3>
            {plan.hint && <p className="mb-2 text-muted-foreground text-xs">{plan.hint}</p>}
            <LineChart
              label={`${plan.title} by ${x === 'seq' ? 'measurement' : 'step'}`}
              series={lines}
              xLabel={x === 'seq' ? 'Measurement' : 'Step'}
              xFormat={formatStep}
              yFormat={formatOf(plan.unit, plan.id)}
              isLog={view.isLog}
              smoothing={plan.id === 'learning_rate' ? 0 : view.smoothing}
              from={view.from}
              syncKey={syncKey}
              heightPx={220}
              zoom={zoom}
              onZoom={onZoom}
              note={samplingNote(plan, runs)}
            />
          </Card>
        );
      })}
    </div>
  );
}
