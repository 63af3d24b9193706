'use client';

import type { AdapterOut } from '@less-is-more/client';
import { Package, Pencil, Plus, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { type Column, DataTable } from '@/components/data-table';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { RelativeTime } from '@/components/ui/relative-time';
import { useDebounced } from '@/lib/use-debounced';
import { useAdapterList, useProjectChoice } from '../api';
import { AdapterDialog, DeleteAdapterDialog } from '../dialogs/adapter-dialogs';

interface AdapterTableProps {
  /** Only those of one project. */
  projectId?: string;
  q: string;
  onSearch: (q: string) => void;
}

type Asked = { what: 'new' } | { what: 'edit' | 'delete'; adapter: AdapterOut };

/** Adapters: all of them, or those of a project. */
export function AdapterTable({ projectId, q, onSearch }: AdapterTableProps) {
  const search = useDebounced(q);
  const list = useAdapterList({ q: search, project: projectId ?? '' });
  const projects = useProjectChoice();
  const [asked, setAsked] = useState<Asked | null>(null);
  const columns = useMemo<Column<AdapterOut>[]>(() => {
    const names = new Map((projects.data ?? []).map((project) => [project.id, project.name]));
    return [
      {
        id: 'name',
        header: 'Name',
        isTitle: true,
        cell: (adapter) => (
          <span className="block max-w-96">
            <span dir="auto" title={adapter.name} className="block truncate">
              {adapter.name}
            </span>
            {adapter.description && (
              <span dir="auto" className="block truncate font-normal text-muted-foreground text-xs">
                {adapter.description}
              </span>
            )}
          </span>
        ),
        sortValue: (adapter) => adapter.name,
      },
      {
        id: 'versions',
        header: 'Newest version',
        align: 'end',
        cell: (adapter) =>
          adapter.newest_version == null ? (
            <span className="text-muted-foreground">none yet</span>
          ) : (
            `Version ${adapter.newest_version}`
          ),
        sortValue: (adapter) => adapter.newest_version,
      },
      ...(projectId === undefined
        ? [
            {
              id: 'project',
              header: 'Project',
              cell: (adapter: AdapterOut) => (
                <span dir="auto" className="block max-w-56 truncate">
                  {(adapter.project_id && names.get(adapter.project_id)) ?? '–'}
                </span>
              ),
            },
          ]
        : []),
      {
        id: 'updated',
        header: 'Changed',
        cell: (adapter) => <RelativeTime time={adapter.updated_at} className="whitespace-nowrap" />,
        sortValue: (adapter) => adapter.updated_at,
      },
    ];
  }, [projects.data, projectId]);
  const close = () => setAsked(null);
  const create = (
    <Button onClick={() => setAsked({ what: 'new' })}>
      <Plus aria-hidden /> New adapter
    </Button>
  );
  return (
    <>
      <DataTable<AdapterOut>
        id="adapters"
        label="Adapters"
        columns={columns}
        list={list}
        rowKey={(adapter) => adapter.id}
        rowHref={(adapter) => `/adapters/${adapter.id}`}
        search={{ value: q, onChange: onSearch, placeholder: 'Search adapters …' }}
        actions={create}
        rowActions={(adapter) => [
          {
            label: 'Edit …',
            icon: <Pencil aria-hidden />,
            onSelect: () => setAsked({ what: 'edit', adapter }),
          },
          {
            label: 'Delete …',
            icon: <Trash2 aria-hidden />,
            danger: true,
            onSelect: () => setAsked({ what: 'delete', adapter }),
          },
        ]}
        empty={
          <EmptyState
            icon={Package}
            title="No adapters yet"
            description="An adapter keeps good results of trainings under a name, version by version, with everything that they came from."
            actions={create}
          />
        }
      />
      {asked?.what === 'new' && <AdapterDialog projectId={projectId ?? null} onClose={close} />}
      {asked?.what === 'edit' && <AdapterDialog adapter={asked.adapter} onClose={close} />}
      {asked?.what === 'delete' && <DeleteAdapterDialog adapter={asked.adapter} onClose={close} />}
    </>
  );
}
