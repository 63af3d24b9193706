'use client';

import type { DatasetOut, JobOut, PipelineOut } from '@less-is-more/client';
import { Activity, Database, Workflow } from 'lucide-react';
import Link from 'next/link';
import { type Column, DataTable } from '@/components/data-table';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { RelativeTime } from '@/components/ui/relative-time';
import { StatusBadge } from '@/components/ui/status-badge';
import { kindWords } from '@/features/jobs/model/job';
import { usePipelines } from '@/features/pipelines/api';
import { formatPercent, formatWords } from '@/lib/format';
import { useProjectDatasets, useProjectJobs } from '../api';

interface Shown {
  name: string;
  status: string;
  created_at: string;
}

const name = <Row extends Shown>(): Column<Row> => ({
  id: 'name',
  header: 'Name',
  isTitle: true,
  cell: (row) => (
    <span dir="auto" title={row.name} className="block max-w-96 truncate">
      {row.name}
    </span>
  ),
  sortValue: (row) => row.name,
});
const status = <Row extends Shown>(): Column<Row> => ({
  id: 'status',
  header: 'Status',
  cell: (row) => <StatusBadge status={row.status} />,
  sortValue: (row) => row.status,
});
const created = <Row extends Shown>(): Column<Row> => ({
  id: 'created',
  header: 'Created',
  cell: (row) => <RelativeTime time={row.created_at} className="whitespace-nowrap" />,
  sortValue: (row) => row.created_at,
});

const DATASETS: Column<DatasetOut>[] = [
  name(),
  status(),
  { id: 'task', header: 'Task', cell: (row) => formatWords(row.task), sortValue: (row) => row.task },
  { id: 'version', header: 'Version', align: 'end', cell: (row) => row.version ?? '–' },
  created(),
];

const JOBS: Column<JobOut>[] = [
  name(),
  status(),
  { id: 'kind', header: 'Kind', cell: (row) => kindWords(row.type), sortValue: (row) => row.type },
  {
    id: 'progress',
    header: 'Progress',
    align: 'end',
    cell: (row) => formatPercent(row.progress, 0),
    sortValue: (row) => row.progress,
  },
  created(),
];

const PIPELINES: Column<PipelineOut>[] = [
  name(),
  status(),
  {
    id: 'stages',
    header: 'Stages done',
    align: 'end',
    cell: (row) =>
      `${row.stages.filter((stage) => stage.status === 'succeeded').length} of ${row.stages.length}`,
  },
  created(),
];

export function ProjectDatasets({ projectId }: { projectId: string }) {
  return (
    <DataTable<DatasetOut>
      id="project-datasets"
      label="Datasets"
      columns={DATASETS}
      list={useProjectDatasets(projectId)}
      rowKey={(row) => row.id}
      rowHref={(row) => `/datasets/${row.id}`}
      empty={
        <EmptyState
          icon={Database}
          title="No datasets in this project"
          description="Choose the project when you add a dataset, or in a dataset's settings."
          actions={<LinkButton href="/datasets/new">Add dataset</LinkButton>}
        />
      }
    />
  );
}

export function ProjectJobs({ projectId }: { projectId: string }) {
  return (
    <DataTable<JobOut>
      id="project-jobs"
      label="Jobs"
      columns={JOBS}
      list={useProjectJobs(projectId)}
      rowKey={(row) => row.id}
      rowHref={(row) => (row.type === 'sweep' ? `/sweeps/${row.id}` : `/jobs/${row.id}`)}
      empty={
        <EmptyState
          icon={Activity}
          title="No jobs in this project"
          description="Choose the project in the last step of a new training."
          actions={<LinkButton href="/jobs/new">Start a training</LinkButton>}
        />
      }
    />
  );
}

export function ProjectPipelines({ projectId }: { projectId: string }) {
  return (
    <DataTable<PipelineOut>
      id="project-pipelines"
      label="Pipelines"
      columns={PIPELINES}
      list={usePipelines({ q: '', status: '', project: projectId })}
      rowKey={(row) => row.id}
      rowHref={(row) => `/pipelines/${row.id}`}
      empty={
        <EmptyState
          icon={Workflow}
          title="No pipelines in this project"
          description="Choose the project when you start a pipeline."
          actions={<LinkButton href="/pipelines/new">New pipeline</LinkButton>}
        />
      }
    />
  );
}

function LinkButton({ href, children }: { href: string; children: string }) {
  return (
    <Button asChild>
      <Link href={href} prefetch={false}>
        {children}
      </Link>
    </Button>
  );
}
