'use client';

import { FlaskConical, Play, Plus, ScrollText, Square, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { useMemo, useState } from 'react';
import { type Column, DataTable, listSearch, NameCell } from '@/components/data-table';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { RelativeTime } from '@/components/ui/relative-time';
import { StatusBadge } from '@/components/ui/status-badge';
import { useResume } from '@/features/jobs/actions/job-actions';
import { DeleteDialog, StopDialog } from '@/features/jobs/actions/lazy-dialogs';
import { useProjects } from '@/features/jobs/api';
import type { Job } from '@/features/jobs/contract';
import { DatasetName } from '@/features/jobs/list/names';
import { ProgressCell } from '@/features/jobs/list/progress-cell';
import {
  hasEnded,
  isResumable,
  isStoppable,
  JOB_STATUSES,
  numberOf,
  textOf,
} from '@/features/jobs/model/job';
import { formatMetric, metricOf } from '@/features/jobs/model/metrics';
import { formatDuration } from '@/lib/format';
import { useUrlState } from '@/lib/url-state';
import { useDebounced } from '@/lib/use-debounced';
import { useSweeps, useSweepsChanged } from '../api';

const DEFAULTS = { q: '', status: '', project: '' };

const COLUMNS: Column<Job>[] = [
  {
    id: 'name',
    header: 'Name',
    isTitle: true,
    cell: (sweep) => <NameCell name={sweep.name} />,
    sortValue: (sweep) => sweep.name,
  },
  {
    id: 'status',
    header: 'Status',
    cell: (sweep) => (
      <span className="grid min-w-0 justify-items-start max-md:justify-items-end">
        <StatusBadge status={sweep.status} />
        {sweep.status === 'failed' && sweep.error && (
          <span className="name line-clamp-1 max-w-60 text-2xs text-danger-text" title={sweep.error}>
            {sweep.error}
          </span>
        )}
      </span>
    ),
    sortValue: (sweep) => sweep.status,
  },
  {
    id: 'progress',
    header: 'Progress',
    cell: (sweep) => <ProgressCell job={sweep} />,
    sortValue: (sweep) => sweep.progress,
    width: '11rem',
  },
  {
    id: 'best',
    header: 'Best',
    align: 'end',
    cell: (sweep) => {
      const primary = textOf(sweep.metrics.primary);
      const value = numberOf(sweep.metrics.best_value);
      if (primary === null || value === null) return <span className="text-muted-foreground">–</span>;
      return (
        <span className="tabular whitespace-nowrap">
          <span className="mr-1.5 text-muted-foreground text-xs">{metricOf(primary).title}</span>
          {formatMetric(primary, value)}
        </span>
      );
    },
    sortValue: (sweep) => numberOf(sweep.metrics.best_value),
  },
  {
    id: 'model',
    header: 'Model',
    cell: (sweep) => (
      <span className="block max-w-40 truncate" title={sweep.model_id ?? undefined}>
        {sweep.model_id ?? '–'}
      </span>
    ),
    sortValue: (sweep) => sweep.model_id,
  },
  {
    id: 'dataset',
    header: 'Dataset',
    cell: (sweep) => <DatasetName id={sweep.dataset_id} version={sweep.dataset_version} />,
  },
  {
    id: 'took',
    header: 'Run time',
    align: 'end',
    isHidden: true,
    cell: (sweep) => (
      <span className="whitespace-nowrap">{sweep.started_at ? formatDuration(sweep.usage.wall_s) : '–'}</span>
    ),
    sortValue: (sweep) => sweep.usage.wall_s,
  },
  {
    id: 'created',
    header: 'Created',
    cell: (sweep) => <RelativeTime time={sweep.created_at} className="whitespace-nowrap" />,
    sortValue: (sweep) => sweep.created_at,
  },
];

export function SweepListScreen() {
  const [state, setState] = useUrlState(DEFAULTS);
  const q = useDebounced(state.q);
  const filters = useMemo(
    () => ({ q, status: state.status, project: state.project }),
    [q, state.status, state.project],
  );
  const list = useSweeps(filters);
  const projects = useProjects();
  const resume = useResume();
  const changed = useSweepsChanged();
  const [asked, setAsked] = useState<{ what: 'stop' | 'delete'; sweep: Job } | null>(null);
  const close = (open: boolean) => {
    if (!open) setAsked(null);
  };
  const create = (
    <Button asChild variant="primary">
      <Link href="/sweeps/new" prefetch={false}>
        <Plus aria-hidden /> New sweep
      </Link>
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Sweeps"
        description="A sweep trains the same model with different settings, stops those that fall behind, and tells you which are best."
        actions={create}
      />
      <DataTable<Job>
        id="sweeps"
        label="Sweeps"
        columns={COLUMNS}
        list={list}
        rowKey={(sweep) => sweep.id}
        rowHref={(sweep) => `/sweeps/${sweep.id}`}
        {...listSearch(state, setState, JOB_STATUSES, projects.data)}
        rowActions={(sweep) => [
          { label: 'Open log', icon: <ScrollText aria-hidden />, href: `/jobs/${sweep.id}?tab=logs` },
          isStoppable(sweep.status)
            ? {
                label: 'Stop …',
                icon: <Square aria-hidden />,
                onSelect: () => setAsked({ what: 'stop', sweep }),
              }
            : null,
          isResumable(sweep.status)
            ? {
                label: 'Resume',
                icon: <Play aria-hidden />,
                onSelect: () => void resume(sweep).then(changed),
              }
            : null,
          hasEnded(sweep.status)
            ? {
                label: 'Delete …',
                icon: <Trash2 aria-hidden />,
                danger: true,
                onSelect: () => setAsked({ what: 'delete', sweep }),
              }
            : null,
        ]}
        empty={
          <EmptyState
            icon={FlaskConical}
            title="No sweeps yet"
            description="When you do not know which learning rate or rank suits your recordings, let a sweep try several and compare them."
            actions={create}
          />
        }
      />
      {asked?.what === 'stop' && (
        <StopDialog jobs={[asked.sweep]} open onOpenChange={close} onDone={changed} />
      )}
      {asked?.what === 'delete' && (
        <DeleteDialog jobs={[asked.sweep]} open onOpenChange={close} onDone={changed} />
      )}
    </>
  );
}
