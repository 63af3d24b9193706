'use client';

import type { ModelOut } from '@less-is-more/client';
import { Activity, Archive, ArchiveRestore, Box, Pencil, Plus } from 'lucide-react';
import dynamic from 'next/dynamic';
import { useMemo, useState } from 'react';
import { type Column, DataTable } from '@/components/data-table';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { StatusBadge } from '@/components/ui/status-badge';
import { toast } from '@/components/ui/toast';
import { useAuth } from '@/lib/auth/auth-provider';
import { formatCompact, formatCount, formatWords } from '@/lib/format';
import { useUrlState } from '@/lib/url-state';
import type { List } from '@/lib/use-list';
import { useCatalogue, useModelStatus } from '../api';
import { choicesOf } from '../choices';
import { familyWords, languageWords, modelHref } from '../model-words';

const ModelDialog = dynamic(() => import('../model-dialog').then((module) => module.ModelDialog));
const RetireDialog = dynamic(() => import('../retire-dialog').then((module) => module.RetireDialog));

const DEFAULTS = { q: '', status: '', task: '', family: '' };

const COLUMNS: readonly Column<ModelOut>[] = [
  {
    id: 'title',
    header: 'Model',
    isTitle: true,
    sortValue: (model) => model.title,
    cell: (model) => (
      <span dir="auto" title={model.title}>
        {model.title}
      </span>
    ),
  },
  {
    id: 'tasks',
    header: 'Type',
    sortValue: (model) => model.tasks?.join(' '),
    cell: (model) => (
      <span className="flex flex-wrap gap-1">
        {(model.tasks ?? []).map((task) => (
          <Badge key={task}>{formatWords(task)}</Badge>
        ))}
      </span>
    ),
  },
  {
    id: 'family',
    header: 'Architecture',
    sortValue: (model) => familyWords(model.family),
    cell: (model) => familyWords(model.family),
  },
  {
    id: 'parameters',
    header: 'Parameters',
    align: 'end',
    sortValue: (model) => model.parameters,
    cell: (model) => (
      <span className="tabular" title={formatCount(model.parameters)}>
        {formatCompact(model.parameters)}
      </span>
    ),
  },
  {
    id: 'languages',
    header: 'Languages',
    cell: (model) => (
      <span className="line-clamp-1" title={languageWords(model.languages)}>
        {languageWords(model.languages)}
      </span>
    ),
  },
  { id: 'licence', header: 'Licence', sortValue: (model) => model.licence, cell: (model) => model.licence },
  {
    id: 'id',
    header: 'Id',
    isHidden: true,
    sortValue: (model) => model.id,
    cell: (model) => <code className="font-mono text-xs">{model.id}</code>,
  },
  {
    id: 'status',
    header: 'Status',
    sortValue: (model) => model.status,
    cell: (model) => <StatusBadge status={model.status} />,
  },
];

export function ModelListScreen() {
  const { isAdmin } = useAuth();
  const [filters, setFilters] = useUrlState(DEFAULTS);
  const [edited, setEdited] = useState<ModelOut | 'new' | null>(null);
  const [retired, setRetired] = useState<ModelOut | null>(null);
  const catalogue = useCatalogue();
  const status = useModelStatus();
  const models = useMemo(() => catalogue.data ?? [], [catalogue.data]);
  const rows = useMemo(() => {
    const words = filters.q.trim().toLowerCase();
    return models.filter(
      (model) =>
        `${model.title} ${model.id} ${model.source} ${model.description}`.toLowerCase().includes(words) &&
        (filters.status === '' || model.status === filters.status) &&
        (filters.family === '' || model.family === filters.family) &&
        (filters.task === '' || (model.tasks as readonly string[] | undefined)?.includes(filters.task)),
    );
  }, [models, filters]);
  const list: List<ModelOut> = {
    rows,
    total: catalogue.data ? rows.length : null,
    isLoading: catalogue.isPending,
    isStale: false,
    error: catalogue.error,
    hasMore: false,
    isLoadingMore: false,
    loadMore: () => undefined,
    reload: () => void catalogue.refetch(),
  };
  const used = choicesOf(undefined, models);
  return (
    <>
      <PageHeader
        title="Models"
        description="The base models that trainings start from."
        actions={
          isAdmin && (
            <Button variant="primary" onClick={() => setEdited('new')}>
              <Plus aria-hidden /> Add model
            </Button>
          )
        }
      />
      <DataTable
        id="models"
        label="Models"
        columns={COLUMNS}
        list={list}
        rowKey={(model) => model.id}
        rowHref={(model) => modelHref(model.id)}
        rowActions={(model) => [
          model.status === 'active'
            ? {
                label: 'Train this model',
                icon: <Activity />,
                href: `/jobs/new?model=${encodeURIComponent(model.id)}`,
              }
            : null,
          isAdmin ? { label: 'Edit', icon: <Pencil />, onSelect: setEdited } : null,
          isAdmin && model.status === 'active'
            ? { label: 'Delete …', icon: <Archive />, danger: true, onSelect: setRetired }
            : null,
          isAdmin && model.status === 'retired'
            ? {
                label: 'Restore',
                icon: <ArchiveRestore />,
                onSelect: ({ id }) =>
                  status.mutate(
                    { id, status: 'active' },
                    { onSuccess: () => toast.success('Model restored'), onError: toast.error },
                  ),
              }
            : null,
        ]}
        search={{
          value: filters.q,
          onChange: (q) => setFilters({ q }),
          placeholder: 'Search by name, id or source …',
        }}
        filters={[
          {
            id: 'task',
            label: 'Type',
            value: filters.task,
            onChange: (task) => setFilters({ task }),
            options: used.tasks.map((value) => ({ value, label: formatWords(value) })),
          },
          {
            id: 'family',
            label: 'Architecture',
            value: filters.family,
            onChange: (family) => setFilters({ family }),
            options: used.families.map((value) => ({ value, label: familyWords(value) })),
          },
          {
            id: 'status',
            label: 'Status',
            value: filters.status,
            onChange: (value) => setFilters({ status: value }),
            options: [
              { value: 'active', label: 'Ready' },
              { value: 'retired', label: 'Retired' },
            ],
          },
        ]}
        empty={
          <EmptyState
            icon={Box}
            title="The catalogue is empty"
            description={
              isAdmin
                ? 'Add the first model, such as one of the Hugging Face hub.'
                : 'An administrator can add models.'
            }
            actions={
              isAdmin && (
                <Button variant="primary" onClick={() => setEdited('new')}>
                  <Plus aria-hidden /> Add model
                </Button>
              )
            }
          />
        }
      />
      {edited !== null && (
        <ModelDialog model={edited === 'new' ? null : edited} onClose={() => setEdited(null)} />
      )}
      {retired && <RetireDialog model={retired} onClose={() => setRetired(null)} />}
    </>
  );
}
