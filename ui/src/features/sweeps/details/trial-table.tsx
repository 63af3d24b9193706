'use client';

import type { SweepOut, TrialResult } from '@less-is-more/client';
import { Download, FlaskConical } from 'lucide-react';
import { useMemo } from 'react';
import { type Column, DataTable } from '@/components/data-table';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { StatusBadge } from '@/components/ui/status-badge';
import { hasEnded } from '@/features/jobs/model/job';
import { formatMetric, metricOf } from '@/features/jobs/model/metrics';
import { formatCompact, formatDuration, formatNumber } from '@/lib/format';
import type { List } from '@/lib/use-list';
import { COSTS, csvOf, formatValue, frontsOf, ranked, searchedPaths, shortPaths } from '../trials';
import { bytesFormat } from './scale';

interface TrialTableProps {
  sweep: SweepOut;
  primary: string | null;
  active: number | null;
  onActive: (trial: number | null) => void;
}

/** Every trial with what it tried, what came out and what it cost; best first. */
export function TrialTable({ sweep, primary, active, onActive }: TrialTableProps) {
  const columns = useMemo(
    () => columnsOf(sweep, primary, active, onActive),
    [sweep, primary, active, onActive],
  );
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
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <h2 className="font-semibold text-base">Trials</h2>
      <DataTable<TrialResult>
        id={`trials.${searchedPaths(sweep).join(',')}`}
        label="Trials"
        columns={columns}
        list={list}
        rowKey={(trial) => String(trial.number)}
        actions={
          <Button size="sm" disabled={sweep.trials.length === 0} onClick={() => download(sweep, primary)}>
            <Download aria-hidden /> Download CSV
          </Button>
        }
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
    </div>
  );
}

function download(sweep: SweepOut, primary: string | null): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([csvOf(sweep, primary)], { type: 'text/csv' }));
  link.download = `trials-${sweep.id.slice(0, 8)}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}

function columnsOf(
  sweep: SweepOut,
  primary: string | null,
  active: number | null,
  onActive: (trial: number | null) => void,
): Column<TrialResult>[] {
  const paths = searchedPaths(sweep);
  const short = shortPaths(paths);
  const formatMemory = bytesFormat(sweep.trials.flatMap((trial) => trial.peak_bytes ?? []));
  const metrics = [...new Set(sweep.trials.flatMap((trial) => Object.keys(trial.metrics ?? {})))]
    .filter((name) => name !== primary)
    .sort();
  return [
    {
      id: 'number',
      header: 'Trial',
      isTitle: true,
      cell: (trial) => (
        <span className="flex flex-wrap items-center gap-1.5">
          <button
            type="button"
            aria-pressed={trial.number === active}
            title="Show it in the plot"
            onClick={() => onActive(trial.number === active ? null : trial.number)}
            className="whitespace-nowrap rounded font-medium hover:underline aria-pressed:text-primary-text"
          >
            Trial {trial.number}
          </button>
          {trial.number === sweep.best?.number && <Badge tone="primary">Best</Badge>}
          <Fronts trial={trial.number} sweep={sweep} />
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
    ...metrics.map(
      (name): Column<TrialResult> => ({
        id: `metric.${name}`,
        header: metricOf(name).title,
        align: 'end',
        isHidden: true,
        cell: (trial) => formatMetric(name, trial.metrics?.[name]),
        sortValue: (trial) => trial.metrics?.[name],
      }),
    ),
    {
      id: 'validation_loss',
      header: 'Validation loss',
      align: 'end',
      isHidden: true,
      cell: (trial) => formatNumber(trial.validation_loss),
      sortValue: (trial) => trial.validation_loss,
    },
    {
      id: 'peak_bytes',
      header: 'Peak memory',
      align: 'end',
      cell: (trial) => (
        <span className="whitespace-nowrap" title={`${trial.peak_bytes?.toLocaleString('en-GB')} bytes`}>
          {trial.peak_bytes == null ? '–' : formatMemory(trial.peak_bytes)}
        </span>
      ),
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

/** On which fronts a trial is: of quality against memory, against trained parameters, or both. */
function Fronts({ trial, sweep }: { trial: number; sweep: SweepOut }) {
  const costs = COSTS.filter(({ value }) => frontsOf(trial, sweep).includes(value));
  if (costs.length === 0) return null;
  const nouns = costs.map(({ noun }) => noun).join(', or both quality and ');
  return (
    <Badge tone="outline" title={`No other trial beats it in both quality and ${nouns}.`}>
      {costs.length === COSTS.length ? 'Both fronts' : costs[0]?.front}
    </Badge>
  );
}
