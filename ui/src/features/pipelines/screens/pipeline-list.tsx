'use client';

import type { PipelineOut } from '@less-is-more/client';
import { Play, Plus, Square, Trash2, Workflow } from 'lucide-react';
import Link from 'next/link';
import { useMemo, useState } from 'react';
import { type Column, DataTable, listSearch, NameCell } from '@/components/data-table';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { Progress } from '@/components/ui/progress';
import { RelativeTime } from '@/components/ui/relative-time';
import { StatusBadge } from '@/components/ui/status-badge';
import { useProjects } from '@/features/jobs/api';
import { DatasetName } from '@/features/jobs/list/names';
import { useUrlState } from '@/lib/url-state';
import { useDebounced } from '@/lib/use-debounced';
import { PIPELINE_STATUSES, usePipelines } from '../api';
import { DeletePipelineDialog, StopPipelineDialog, useResumePipeline } from '../dialogs';
import { failureOf, progressTone, progressWords } from '../words';

const DEFAULTS = { q: '', status: '', project: '' };

const COLUMNS: Column<PipelineOut>[] = [
  {
    id: 'name',
    header: 'Name',
    isTitle: true,
    cell: (row) => <NameCell name={row.name} />,
    sortValue: (row) => row.name,
  },
  {
    id: 'status',
    header: 'Status',
    cell: (row) => <StatusCell pipeline={row} />,
    sortValue: (row) => row.status,
  },
  {
    id: 'stages',
    header: 'Stages',
    cell: (row) => (
      <span className="grid w-full min-w-36 gap-1">
        <span className="tabular text-xs">{progressWords(row)}</span>
        <Progress value={row.progress} label={`Progress of ${row.name}`} tone={progressTone(row.status)} />
      </span>
    ),
    sortValue: (row) => row.progress,
    width: '14rem',
  },
  {
    id: 'model',
    header: 'Model',
    cell: (row) => (
      <span className="block max-w-40 truncate" title={row.model_id}>
        {row.model_id}
      </span>
    ),
    sortValue: (row) => row.model_id,
  },
  {
    id: 'dataset',
    header: 'Dataset',
    cell: (row) => (
      <DatasetName
        id={row.dataset_id}
        {...(row.dataset_version !== null ? { version: row.dataset_version } : {})}
      />
    ),
  },
  {
    id: 'created',
    header: 'Started',
    cell: (row) => <RelativeTime time={row.created_at} className="whitespace-nowrap" />,
    sortValue: (row) => row.created_at,
  },
];

export function PipelineListScreen() {
  const [state, setState] = useUrlState(DEFAULTS);
  const q = useDebounced(state.q);
  const filters = useMemo(
    () => ({ q, status: state.status, project: state.project }),
    [q, state.status, state.project],
  );
  const list = usePipelines(filters);
  const projects = useProjects();
  const resume = useResumePipeline();
  const [asked, setAsked] = useState<{ what: 'stop' | 'delete'; pipeline: PipelineOut } | null>(null);
  const close = () => setAsked(null);
  const create = (
    <Button asChild variant="primary">
      <Link href="/pipelines/new" prefetch={false}>
        <Plus aria-hidden /> New pipeline
      </Link>
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Pipelines"
        description="A pipeline goes all the way from recordings to a version of an adapter, and tries again what fails."
        actions={create}
      />
      <DataTable<PipelineOut>
        id="pipelines"
        label="Pipelines"
        columns={COLUMNS}
        list={list}
        rowKey={(row) => row.id}
        rowHref={(row) => `/pipelines/${row.id}`}
        {...listSearch(state, setState, PIPELINE_STATUSES, projects.data)}
        rowActions={(row) => [
          row.status === 'running'
            ? {
                label: 'Stop …',
                icon: <Square aria-hidden />,
                onSelect: () => setAsked({ what: 'stop', pipeline: row }),
              }
            : null,
          row.status === 'failed' || row.status === 'stopped'
            ? { label: 'Resume', icon: <Play aria-hidden />, onSelect: () => void resume(row) }
            : null,
          row.finished_at !== null
            ? {
                label: 'Delete …',
                icon: <Trash2 aria-hidden />,
                danger: true,
                onSelect: () => setAsked({ what: 'delete', pipeline: row }),
              }
            : null,
        ]}
        empty={
          <EmptyState
            icon={Workflow}
            title="No pipelines yet"
            description="A pipeline checks the recordings, trains, measures, and keeps the result only if it is better than its base."
            actions={create}
          />
        }
      />
      {asked?.what === 'stop' && <StopPipelineDialog pipeline={asked.pipeline} onClose={close} />}
      {asked?.what === 'delete' && <DeletePipelineDialog pipeline={asked.pipeline} onClose={close} />}
    </>
  );
}

/** The status, and of a failed one where and why. */
function StatusCell({ pipeline }: { pipeline: PipelineOut }) {
  const failed =
    pipeline.status === 'failed' ? pipeline.stages.find((stage) => stage.status === 'failed') : undefined;
  const why = failed?.error ? failureOf(failed.error) : null;
  return (
    <span className="grid min-w-0 justify-items-start max-md:justify-items-end">
      <StatusBadge status={pipeline.status} />
      {failed && why && (
        <span
          title={[why.title, ...why.reasons].join('. ')}
          className="name line-clamp-2 min-w-36 max-w-56 text-2xs text-danger-text"
        >
          {failed.name}: {why.title}
        </span>
      )}
    </span>
  );
}
