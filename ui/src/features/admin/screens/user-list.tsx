'use client';

import { type AccountOut, listUsers } from '@less-is-more/client';
import { Users } from 'lucide-react';
import { type Column, DataTable } from '@/components/data-table';
import { Badge } from '@/components/ui/badge';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { RelativeTime } from '@/components/ui/relative-time';
import { StatusBadge } from '@/components/ui/status-badge';
import { keys } from '@/lib/query-keys';
import { useUrlState } from '@/lib/url-state';
import { useDebounced } from '@/lib/use-debounced';
import { useList } from '@/lib/use-list';
import { AdminOnly } from '../admin-only';

const DEFAULTS = { q: '', role: '', state: '' };
const COLUMNS: Column<AccountOut>[] = [
  {
    id: 'username',
    header: 'User',
    isTitle: true,
    cell: (user) => user.username,
    sortValue: (user) => user.username,
  },
  {
    id: 'email',
    header: 'E-mail',
    cell: (user) => <span className="name">{user.email}</span>,
    sortValue: (user) => user.email,
  },
  {
    id: 'role',
    header: 'Role',
    cell: (user) => (user.role === 'admin' ? <Badge tone="primary">Administrator</Badge> : 'User'),
    sortValue: (user) => user.role,
  },
  {
    id: 'state',
    header: 'State',
    cell: (user) =>
      user.disabled_at ? <StatusBadge status="disabled" /> : <Badge tone="success">Active</Badge>,
  },
  {
    id: 'created',
    header: 'Signed up',
    align: 'end',
    cell: (user) => <RelativeTime time={user.created_at} />,
    sortValue: (user) => user.created_at,
  },
];

export function UserListScreen() {
  const [{ q, role, state }, change] = useUrlState(DEFAULTS);
  const search = useDebounced(q);
  const filters = {
    ...(search && { q: search }),
    ...(role && { role: role as AccountOut['role'] }),
    ...(state && { disabled: state === 'disabled' }),
  };
  const list = useList(keys.adminUsers.list(filters), ({ cursor, signal }) =>
    listUsers({ query: { ...filters, limit: 50, ...(cursor && { cursor }) }, signal }),
  );
  return (
    <AdminOnly title="Users">
      <PageHeader title="Users" description="Everyone with an account on this platform." />
      <DataTable
        id="admin-users"
        label="Users"
        columns={COLUMNS}
        list={list}
        rowKey={(user) => user.id}
        rowHref={(user) => `/admin/users/${user.id}`}
        search={{ value: q, onChange: (q) => change({ q }), placeholder: 'Search by name or e-mail' }}
        filters={[
          {
            id: 'role',
            label: 'Role',
            value: role,
            options: [
              { value: 'user', label: 'User' },
              { value: 'admin', label: 'Administrator' },
            ],
            onChange: (role) => change({ role }),
          },
          {
            id: 'state',
            label: 'State',
            value: state,
            options: [
              { value: 'enabled', label: 'Enabled' },
              { value: 'disabled', label: 'Disabled' },
            ],
            onChange: (state) => change({ state }),
          },
        ]}
        empty={<EmptyState icon={Users} title="No users" />}
      />
    </AdminOnly>
  );
}
