'use client';

import { deleteThing, listThings, stopThing, type ThingOut } from '@less-is-more/client';
import { useQueryClient } from '@tanstack/react-query';
import { Boxes, Square, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { type Column, DataTable, NameCell } from '@/components/data-table';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { RelativeTime } from '@/components/ui/relative-time';
import { Segmented } from '@/components/ui/segmented';
import { StatusBadge } from '@/components/ui/status-badge';
import { toast } from '@/components/ui/toast';
import { keys } from '@/lib/query-keys';
import { useUrlState } from '@/lib/url-state';
import { useDebounced } from '@/lib/use-debounced';
import { useList } from '@/lib/use-list';
import { AdminOnly } from '../admin-only';

type Kind = ThingOut['kind'];
const KINDS: readonly { value: Kind; label: string; one: string }[] = [
  { value: 'jobs', label: 'Jobs', one: 'job' },
  { value: 'datasets', label: 'Datasets', one: 'dataset' },
  { value: 'pipelines', label: 'Pipelines', one: 'pipeline' },
  { value: 'adapters', label: 'Adapters', one: 'adapter' },
];
const STOPPABLE = new Set(['queued', 'starting', 'running', 'waiting']);
const DEFAULTS = { kind: 'jobs', q: '', user: '' };
const COLUMNS: Column<ThingOut>[] = [
  {
    id: 'name',
    header: 'Name',
    isTitle: true,
    cell: (thing) => <NameCell name={thing.name} />,
    sortValue: (thing) => thing.name,
  },
  {
    id: 'owner',
    header: 'Owner',
    cell: (thing) => <span className="name">{thing.username}</span>,
    sortValue: (thing) => thing.username,
  },
  {
    id: 'status',
    header: 'Status',
    cell: (thing) => (thing.status ? <StatusBadge status={thing.status} /> : '–'),
  },
  {
    id: 'id',
    header: 'Id',
    isHidden: true,
    cell: (thing) => <code className="font-mono text-xs">{thing.id}</code>,
  },
  {
    id: 'created',
    header: 'Created',
    align: 'end',
    cell: (thing) => <RelativeTime time={thing.created_at} />,
    sortValue: (thing) => thing.created_at,
  },
];

export function ResourceListScreen() {
  const queries = useQueryClient();
  const [{ kind: chosen, q, user }, change] = useUrlState(DEFAULTS);
  const [doomed, setDoomed] = useState<ThingOut | null>(null);
  const [stopping, setStopping] = useState<ThingOut | null>(null);
  const kind = KINDS.find(({ value }) => value === chosen) ?? KINDS[0];
  const search = useDebounced(q);
  const filters = { ...(search && { q: search }), ...(user && { user_id: user }) };
  const path = kind?.value ?? 'jobs';
  const list = useList(keys.adminThings.list({ kind: path, ...filters }), ({ cursor, signal }) =>
    listThings({ path: { kind: path }, query: { ...filters, limit: 50, ...(cursor && { cursor }) }, signal }),
  );
  const reload = () => queries.invalidateQueries({ queryKey: keys.adminThings.all() });
  const one = kind?.one ?? 'thing';
  return (
    <AdminOnly title="All resources">
      <PageHeader
        title="All resources"
        description="What all users have. What you stop or delete here is recorded in the audit, which its owner can read."
      />
      <div className="grid gap-4">
        <Segmented
          label="Kind"
          value={path}
          onValueChange={(kind) => change({ kind })}
          options={KINDS}
          className="justify-self-start"
        />
        <DataTable
          key={path}
          id={`admin-${path}`}
          label={kind?.label ?? 'Things'}
          columns={COLUMNS}
          list={list}
          rowKey={(thing) => thing.id}
          rowActions={(thing) => [
            thing.status && STOPPABLE.has(thing.status)
              ? { label: `Stop ${one}`, icon: <Square aria-hidden />, onSelect: setStopping }
              : null,
            { label: `Delete ${one}`, icon: <Trash2 aria-hidden />, danger: true, onSelect: setDoomed },
          ]}
          search={{ value: q, onChange: (q) => change({ q }), placeholder: 'Search by name' }}
          filters={
            user
              ? [
                  {
                    id: 'user',
                    label: 'Owner',
                    value: user,
                    options: [{ value: user, label: list.rows[0]?.username ?? 'one user' }],
                    onChange: (user) => change({ user }),
                  },
                ]
              : []
          }
          empty={<EmptyState icon={Boxes} title={`No ${(kind?.label ?? '').toLowerCase()}`} />}
        />
      </div>
      <ConfirmDialog
        open={stopping !== null}
        onOpenChange={(open) => !open && setStopping(null)}
        title={`Stop ${stopping?.name ?? ''} of ${stopping?.username ?? ''}?`}
        description="It saves a checkpoint first. Its owner can resume it."
        action={`Stop ${one}`}
        onConfirm={async () => {
          if (stopping) await stopThing({ path: { kind: stopping.kind, thing_id: stopping.id } });
          toast.success('It is stopping');
          await reload();
        }}
      />
      <ConfirmDialog
        open={doomed !== null}
        onOpenChange={(open) => !open && setDoomed(null)}
        title={`Delete ${doomed?.name ?? ''} of ${doomed?.username ?? ''}?`}
        description={`The ${one} and its files are gone for good, for its owner too.`}
        action={`Delete ${one}`}
        {...(doomed ? { typed: doomed.name } : {})}
        onConfirm={async () => {
          if (doomed) await deleteThing({ path: { kind: doomed.kind, thing_id: doomed.id } });
          toast.success('Deleted');
          await reload();
        }}
      />
    </AdminOnly>
  );
}
