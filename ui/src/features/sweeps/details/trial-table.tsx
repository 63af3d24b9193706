'use client';

import type { SweepOut, TrialResult } from '@less-is-more/client';
import { FlaskConical } from 'lucide-react';
import { useMemo } from 'react';
import { type Column, DataTable } from '@/components/data-table';
import { Badge } from '@/components/ui/badge';
import { EmptyState } from '@/components/ui/empty-state';
import { StatusBadge } from '@/components/ui/status-badge';
import { hasEnded } from '@/features/jobs/model/job';
import { formatMetric, metricOf } from '@/features/jobs/model/metrics';
import { formatBytes, formatCompact, formatDuration } from '@/lib/format';
import type { List } from '@/lib/use-list';
import { formatValue, ranked, searchedPaths, shortPaths } from '../trials';

interface TrialTableProps {
  sweep: SweepOut;
  primary: string | null;
  active: number | null;
}

/** Every trial with what it tried, what came out and what it cost; best first. */
export function TrialTable({ sweep, primary, active }: TrialTableProps) {
  const columns = useMemo(() => columnsOf(sweep, primary, active), [sweep, primary, active]);
  const list = useMemo<List<TrialResult>>(
    () => ({
      rows: ranked(sweep.trials, primary),
      total: sweep.trials.length,
      isLoading: false,
      isStale: false,
      error: null,
      hasMore: false,
      isLoadingMore: false,
      loadMore: () => undefined,
      reload: () => undefined,
    }),
    [sweep.trials, primary],
  );
  return (
    <section aria-labelledby="trials" className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <h2 id="trials" className="font-semibold text-base">
        Trials
      </h2>
      <DataTable<TrialResult>
        id={`trials.${searchedPaths(sweep).join(',')}`}
        label="Trials"
        columns={columns}
        list={list}
        rowKey={(trial) => String(trial.number)}
        empty={
          <EmptyState
            icon={FlaskConical}
            title={hasEnded(sweep.status) ? 'No trials' : 'No trials yet'}
            description={
              hasEnded(sweep.status)
                ? 'The sweep ended before its first trial began.'
                : 'They appear here when the sweep begins. This page follows it by itself.'
            }
          />
        }
      />
    </section>
  );
}

function columnsOf(sweep: SweepOut, primary: string | null, active: number | null): Column<TrialResult>[] {
  const paths = searchedPaths(sweep);
  const short = shortPaths(paths);
  const fronts = Object.values(sweep.front).flat();
  return [
    {
      id: 'number',
      header: 'Trial',
      isTitle: true,
      cell: (trial) => (
        <span className="flex items-center gap-1.5 whitespace-nowrap">
          <span className={trial.number === active ? 'font-semibold text-primary-text' : undefined}>
            Trial {trial.number}
          </span>
          {trial.number === sweep.best?.number ? (
            <Badge tone="primary">Best</Badge>
          ) : (
            fronts.includes(trial.number) && <Badge tone="outline">Front</Badge>
          )}
        </span>
      ),
      sortValue: (trial) => trial.number,
    },
    ...paths.map(
      (path): Column<TrialResult> => ({
        id: path,
        header: short.get(path) ?? path,
        align: 'end',
        cell: (trial) => (
          <span title={path} className="font-mono text-xs">
            {formatValue(trial.values[path])}
          </span>
        ),
        sortValue: (trial) => {
          const value = trial.values[path];
          return typeof value === 'number' || typeof value === 'string' ? value : formatValue(value);
        },
      }),
    ),
    {
      id: 'value',
      header: primary === null ? 'Metric' : metricOf(primary).title,
      align: 'end',
      cell: (trial) => (
        <span className="font-medium">{primary === null ? '–' : formatMetric(primary, trial.value)}</span>
      ),
      sortValue: (trial) => trial.value,
    },
    {
      id: 'peak_bytes',
      header: 'Peak memory',
      align: 'end',
      cell: (trial) => formatBytes(trial.peak_bytes),
      sortValue: (trial) => trial.peak_bytes,
    },
    {
      id: 'trainable_parameters',
      header: 'Trainable',
      align: 'end',
      cell: (trial) => (
        <span title={trial.trainable_parameters?.toLocaleString('en-GB')}>
          {formatCompact(trial.trainable_parameters)}
        </span>
      ),
      sortValue: (trial) => trial.trainable_parameters,
    },
    {
      id: 'seconds',
      header: 'Time',
      align: 'end',
      cell: (trial) => formatDuration(trial.seconds),
      sortValue: (trial) => trial.seconds,
    },
    {
      id: 'step',
      header: 'Steps',
      align: 'end',
      isHidden: true,
      cell: (trial) =>
        trial.total_steps ? `${trial.step ?? 0} of ${trial.total_steps}` : String(trial.step ?? 0),
      sortValue: (trial) => trial.step,
    },
    {
      id: 'state',
      header: 'Status',
      cell: (trial) => (
        <span className="grid justify-items-start gap-1">
          <StatusBadge status={trial.state} />
          {trial.error && (
            <span title={trial.error} className="line-clamp-2 max-w-64 text-danger-text text-xs">
              {trial.error}
            </span>
          )}
        </span>
      ),
      sortValue: (trial) => trial.state,
    },
  ];
}
