'use client';

import { LineChart } from 'lucide-react';
import { useMemo, useState } from 'react';
import { EmptyState } from '@/components/ui/empty-state';
import { Skeleton } from '@/components/ui/skeleton';
import { ChartGrid } from '@/features/jobs/curves/chart-grid';
import { chartsOf } from '@/features/jobs/curves/charts';
import { CurveControls, useCurveView } from '@/features/jobs/curves/curve-controls';
import { useRuns } from '@/features/jobs/curves/use-runs';

/** The curves of the compared runs, one colour each. */
export function ComparedCurves({ ids, primary }: { ids: readonly string[]; primary: string | null }) {
  const [zoom, setZoom] = useState<[number, number] | null>(null);
  const [view, setView] = useCurveView();
  const runs = useRuns(ids, zoom);
  const plans = useMemo(
    () =>
      chartsOf(
        runs.flatMap((run) => run.series),
        primary,
      ),
    [runs, primary],
  );
  if (plans.length === 0 && runs.some((run) => run.isLoading)) {
    return (
      <div className="grid gap-4 lg:grid-cols-2" aria-busy>
        <Skeleton className="h-64" />
        <Skeleton className="h-64" />
      </div>
    );
  }
  if (plans.length === 0) {
    return (
      <div className="rounded-lg border border-dashed">
        <EmptyState
          icon={LineChart}
          title="No curves yet"
          description="None of these jobs has measured anything over time."
        />
      </div>
    );
  }
  return (
    <div className="grid gap-4">
      <CurveControls view={view} onChange={setView} zoom={zoom} onResetZoom={() => setZoom(null)} />
      <ChartGrid plans={plans} runs={runs} view={view} syncKey="compare" zoom={zoom} onZoom={setZoom} />
    </div>
  );
}
