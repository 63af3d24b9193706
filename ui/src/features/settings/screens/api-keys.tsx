'use client';

import { type ApiKeyOut, deleteApiKey, listApiKeys } from '@less-is-more/client';
import { useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { type Column, DataTable } from '@/components/data-table';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { RelativeTime } from '@/components/ui/relative-time';
import { toast } from '@/components/ui/toast';
import { keys } from '@/lib/query-keys';
import { useList } from '@/lib/use-list';
import { NewKeyDialog } from '../new-key-dialog';
import { SCOPES } from '../scopes';

const COLUMNS: Column<ApiKeyOut>[] = [
  { id: 'name', header: 'Name', isTitle: true, cell: (key) => key.name, sortValue: (key) => key.name },
  { id: 'start', header: 'Key', cell: (key) => <code className="font-mono text-xs">{key.start}…</code> },
  { id: 'scope', header: 'May', cell: (key) => SCOPES[key.scope].title },
  {
    id: 'used',
    header: 'Last used',
    cell: (key) => (key.last_used_at ? <RelativeTime time={key.last_used_at} /> : 'Never'),
    sortValue: (key) => key.last_used_at,
  },
  {
    id: 'expires',
    header: 'Expires',
    cell: (key) =>
      new Date(key.expires_at) <= new Date() ? (
        <Badge tone="warning">Expired</Badge>
      ) : (
        <RelativeTime time={key.expires_at} />
      ),
    sortValue: (key) => key.expires_at,
  },
  {
    id: 'created',
    header: 'Created',
    cell: (key) => <RelativeTime time={key.created_at} />,
    sortValue: (key) => key.created_at,
    isHidden: true,
  },
];

export function ApiKeysScreen() {
  const queries = useQueryClient();
  const [creating, setCreating] = useState(false);
  const [doomed, setDoomed] = useState<ApiKeyOut | null>(null);
  const list = useList(keys.apiKeys.list(), ({ cursor, signal }) =>
    listApiKeys({ query: { limit: 50, ...(cursor && { cursor }) }, signal }),
  );
  const reload = () => queries.invalidateQueries({ queryKey: keys.apiKeys.all() });
  const create = (
    <Button variant="primary" onClick={() => setCreating(true)}>
      <Plus aria-hidden /> Create API key
    </Button>
  );
  return (
    <>
      <PageHeader
        title="API keys"
        description={
          <>
            For programs, and for <code className="font-mono">lim</code> on other machines. A key acts as you,
            within its scope, until it expires.
          </>
        }
        actions={create}
      />
      <DataTable
        id="api-keys"
        label="API keys"
        columns={COLUMNS}
        list={list}
        rowKey={(key) => key.id}
        rowActions={(key) => [
          { label: 'Delete key', icon: <Trash2 aria-hidden />, danger: true, onSelect: () => setDoomed(key) },
        ]}
        empty={
          <EmptyState
            icon={KeyRound}
            title="No API keys"
            description="Create one for a program, a notebook or a machine that should not hold your password."
            actions={create}
          />
        }
      />
      <NewKeyDialog open={creating} onOpenChange={setCreating} onCreated={reload} />
      <ConfirmDialog
        open={doomed !== null}
        onOpenChange={(open) => !open && setDoomed(null)}
        title={`Delete the key ${doomed?.name ?? ''}?`}
        description="Programs that use it are refused from now on. This cannot be undone."
        action="Delete key"
        onConfirm={async () => {
          if (doomed) await deleteApiKey({ path: { key_id: doomed.id } });
          toast.success('API key deleted');
          await reload();
        }}
      />
    </>
  );
}
