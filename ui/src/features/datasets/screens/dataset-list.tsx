'use client';

import { Database, Eye, Pencil, Play, Plus, Trash2, Upload } from 'lucide-react';
import Link from 'next/link';
import { useMemo, useState } from 'react';
import { type Column, DataTable } from '@/components/data-table';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { PageHeader } from '@/components/ui/page-header';
import { Progress } from '@/components/ui/progress';
import { RelativeTime } from '@/components/ui/relative-time';
import { StatusBadge } from '@/components/ui/status-badge';
import { formatBytes, formatCount, formatDuration } from '@/lib/format';
import { useUrlState } from '@/lib/url-state';
import { useDebounced } from '@/lib/use-debounced';
import { useDatasets, useProjects } from '../api';
import { DeleteDataset } from '../dialogs/delete-dataset';
import { EditDataset } from '../dialogs/edit-dataset';
import { EmptyDatasets } from '../empty-datasets';
import { phaseWords } from '../phases';
import { TASKS, taskWords } from '../tasks';
import { type DatasetRow, sourceBytes, sourceWords, statisticsOf } from '../types';
import type { UploadState } from '../upload/manager';
import { UploadLine } from '../upload/upload-progress';
import { useUploads } from '../upload/use-uploads';

const DEFAULTS = { q: '', status: '', project: '', task: '' };
const STATUSES = [
  { value: 'ready', label: 'Ready' },
  { value: 'processing', label: 'Processing' },
  { value: 'pending', label: 'Uploading' },
  { value: 'error', label: 'Error' },
];

export function DatasetListScreen() {
  const [filters, setFilters] = useUrlState(DEFAULTS);
  const q = useDebounced(filters.q);
  const { data: projects = [] } = useProjects();
  const all = useDatasets({ q, status: filters.status, project: filters.project });
  const list = useMemo(
    () =>
      filters.task ? { ...all, rows: all.rows.filter((row) => row.task === filters.task), total: null } : all,
    [all, filters.task],
  );
  const uploads = useUploads();
  const [editing, setEditing] = useState<DatasetRow | null>(null);
  const [deleting, setDeleting] = useState<DatasetRow | null>(null);
  const columns = useMemo(() => columnsOf(projects, uploads), [projects, uploads]);
  return (
    <>
      <PageHeader
        title="Datasets"
        description="Recordings with their texts, classes or descriptions: what models learn from."
        actions={
          <Button variant="primary" asChild>
            <Link href="/datasets/new" prefetch={false}>
              <Plus aria-hidden /> Add dataset
            </Link>
          </Button>
        }
      />
      <DataTable
        id="datasets"
        label="Datasets"
        columns={columns}
        list={list}
        rowKey={(row) => row.id}
        rowHref={(row) => `/datasets/${row.id}`}
        rowActions={(row) => [
          { label: 'View', icon: <Eye aria-hidden />, href: `/datasets/${row.id}` },
          row.status === 'ready'
            ? { label: 'Train on this', icon: <Play aria-hidden />, href: `/jobs/new?dataset=${row.id}` }
            : null,
          row.status === 'pending' && !uploads.some((each) => each.datasetId === row.id)
            ? { label: 'Continue upload', icon: <Upload aria-hidden />, href: `/datasets/${row.id}` }
            : null,
          { label: 'Edit', icon: <Pencil aria-hidden />, onSelect: setEditing },
          { label: 'Delete', icon: <Trash2 aria-hidden />, danger: true, onSelect: setDeleting },
        ]}
        search={{ value: filters.q, onChange: (value) => setFilters({ q: value }) }}
        filters={[
          {
            id: 'status',
            label: 'Status',
            value: filters.status,
            options: STATUSES,
            onChange: (status) => setFilters({ status }),
          },
          {
            id: 'task',
            label: 'Task',
            value: filters.task,
            options: TASKS.map(({ id, title }) => ({ value: id, label: title })),
            onChange: (task) => setFilters({ task }),
          },
          ...(projects.length > 0
            ? [
                {
                  id: 'project',
                  label: 'Project',
                  value: filters.project,
                  options: projects.map(({ id, name }) => ({ value: id, label: name })),
                  onChange: (project: string) => setFilters({ project }),
                },
              ]
            : []),
        ]}
        empty={<EmptyDatasets />}
      />
      {editing && <EditDataset dataset={editing} onClose={() => setEditing(null)} />}
      {deleting && <DeleteDataset dataset={deleting} onClose={() => setDeleting(null)} />}
    </>
  );
}

function columnsOf(
  projects: readonly { id: string; name: string }[],
  uploads: readonly UploadState[],
): Column<DatasetRow>[] {
  const projectName = (id: string | null) => projects.find((project) => project.id === id)?.name;
  const sizeOf = (row: DatasetRow) => statisticsOf(row).size ?? sourceBytes(row);
  return [
    {
      id: 'name',
      header: 'Name',
      isTitle: true,
      sortValue: (row) => row.name,
      cell: (row) => (
        <span className="flex min-w-0 items-center gap-2.5">
          <Database className="size-4 shrink-0 text-muted-foreground" aria-hidden />
          <span className="block max-w-64 truncate lg:max-w-80" dir="auto" title={row.name}>
            {row.name}
          </span>
        </span>
      ),
    },
    {
      id: 'status',
      header: 'Status',
      sortValue: (row) => row.status,
      cell: (row) => <Status row={row} upload={uploads.find((each) => each.datasetId === row.id) ?? null} />,
    },
    { id: 'task', header: 'Task', sortValue: (row) => row.task, cell: (row) => taskWords(row.task).title },
    {
      id: 'items',
      header: 'Items',
      align: 'end',
      sortValue: (row) => statisticsOf(row).utterances,
      cell: (row) => formatCount(statisticsOf(row).utterances),
    },
    {
      id: 'duration',
      header: 'Duration',
      align: 'end',
      sortValue: (row) => statisticsOf(row).audio_s,
      cell: (row) => formatDuration(statisticsOf(row).audio_s),
    },
    { id: 'size', header: 'Size', align: 'end', sortValue: sizeOf, cell: (row) => formatBytes(sizeOf(row)) },
    {
      id: 'project',
      header: 'Project',
      isHidden: true,
      sortValue: (row) => projectName(row.project_id),
      cell: (row) => (
        <span className="block max-w-40 truncate" dir="auto">
          {projectName(row.project_id) ?? '–'}
        </span>
      ),
    },
    {
      id: 'source',
      header: 'Source',
      isHidden: true,
      sortValue: sourceWords,
      cell: (row) => (
        <span className="block max-w-56 truncate" dir="auto" title={sourceWords(row)}>
          {sourceWords(row)}
        </span>
      ),
    },
    {
      id: 'version',
      header: 'Version',
      align: 'end',
      isHidden: true,
      sortValue: (row) => row.version,
      cell: (row) => row.version ?? '–',
    },
    {
      id: 'added',
      header: 'Added',
      align: 'end',
      sortValue: (row) => row.created_at,
      cell: (row) => <RelativeTime time={row.created_at} className="whitespace-nowrap" />,
    },
  ];
}

function Status({ row, upload }: { row: DatasetRow; upload: UploadState | null }) {
  if (row.status === 'pending' && upload) return <UploadLine state={upload} />;
  if (row.status === 'pending') return <Badge tone="warning">Upload not finished</Badge>;
  if (row.status !== 'processing') return <StatusBadge status={row.status} />;
  const share = row.progress ?? null;
  return (
    <span className="grid w-36 gap-1">
      <span className="text-xs">{phaseWords(row.phase ?? null).title}</span>
      <Progress value={share} label={`Processing of ${row.name}`} className="h-1" />
    </span>
  );
}
