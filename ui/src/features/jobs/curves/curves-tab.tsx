'use client';

import { LineChart as LineChartIcon } from 'lucide-react';
import { useMemo, useState } from 'react';
import { EmptyState } from '@/components/ui/empty-state';
import { ErrorState } from '@/components/ui/error-state';
import { Skeleton } from '@/components/ui/skeleton';
import { useUrlState } from '@/lib/url-state';
import type { Job } from '../contract';
import { hasEnded, primaryOf } from '../model/job';
import { ChartGrid } from './chart-grid';
import { chartsOf, type Run } from './charts';
import { CurveControls, useCurveView } from './curve-controls';
import { OverlayPicker } from './overlay-picker';
import { ResourceUse } from './resources';
import { useLiveCurves } from './use-curves';
import { useRuns } from './use-runs';

const DEFAULTS = { with: '' };

/** Curves of a job, live; with those of other runs if wanted, and its resource use. */
export function CurvesTab({ job }: { job: Job }) {
  const [zoom, setZoom] = useState<[number, number] | null>(null);
  const [view, setView] = useCurveView();
  const [url, setUrl] = useUrlState(DEFAULTS);
  const chosen = useMemo(
    () => url.with.split(',').filter((id) => id !== '' && id !== job.id),
    [url.with, job.id],
  );
  const curves = useLiveCurves(job.id, zoom);
  const others = useRuns(chosen, zoom);
  const runs = useMemo<Run[]>(
    () => [{ id: job.id, label: job.name, series: curves.series ?? [] }, ...others],
    [job.id, job.name, curves.series, others],
  );
  const primary = primaryOf(job);
  const plans = useMemo(
    () =>
      chartsOf(
        runs.flatMap((run) => run.series),
        primary,
      ),
    [runs, primary],
  );

  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
      {curves.error && !curves.series ? (
        <ErrorState error={curves.error} onRetry={curves.reload} />
      ) : curves.isLoading ? (
        <LoadingCharts />
      ) : plans.length === 0 ? (
        <div className="rounded-lg border border-dashed">
          <EmptyState
            icon={LineChartIcon}
            title={hasEnded(job.status) ? 'No curves' : 'No figures yet'}
            description={
              hasEnded(job.status)
                ? 'This job ended before it measured anything, or is of a kind without curves.'
                : 'Curves appear here by themselves as soon as the first figures arrive.'
            }
          />
        </div>
      ) : (
        <>
          <CurveControls view={view} onChange={setView} zoom={zoom} onResetZoom={() => setZoom(null)}>
            {job.type === 'training' && (
              <OverlayPicker job={job} chosen={chosen} onChange={(ids) => setUrl({ with: ids.join(',') })} />
            )}
          </CurveControls>
          <div aria-busy={curves.isRefining}>
            <h2 className="sr-only">Curves</h2>
            <ChartGrid plans={plans} runs={runs} view={view} syncKey={job.id} zoom={zoom} onZoom={setZoom} />
          </div>
        </>
      )}
      <section aria-labelledby="resource-use" className="mt-4 grid gap-3">
        <h2 id="resource-use" className="font-semibold text-base">
          Resource use
        </h2>
        <ResourceUse job={job} />
      </section>
    </div>
  );
}

function LoadingCharts() {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-2" aria-busy>
      <span className="sr-only" role="status">
        Loading curves
      </span>
      {Array.from({ length: 4 }, (_, index) => (
        <Skeleton key={index} className="h-72 w-full rounded-lg" />
      ))}
    </div>
  );
}
