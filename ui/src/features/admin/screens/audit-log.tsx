'use client';

import { type AdminAuditOut, listAllAuditEvents } from '@less-is-more/client';
import { ScrollText, TriangleAlert } from 'lucide-react';
import { type Column, DataTable } from '@/components/data-table';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { RelativeTime } from '@/components/ui/relative-time';
import { AUDIT_ACTIONS, auditDetails, auditWords, isNoteworthy } from '@/features/settings/audit-words';
import { keys } from '@/lib/query-keys';
import { useUrlState } from '@/lib/url-state';
import { useList } from '@/lib/use-list';
import { AdminOnly } from '../admin-only';

const DEFAULTS = { action: '', user: '' };
const COLUMNS: Column<AdminAuditOut>[] = [
  {
    id: 'action',
    header: 'Event',
    isTitle: true,
    cell: ({ action }) => (
      <span className="inline-flex items-center gap-1.5">
        {isNoteworthy(action) && <TriangleAlert className="size-3.5 text-warning-text" aria-hidden />}
        {auditWords(action)}
      </span>
    ),
  },
  {
    id: 'account',
    header: 'Account',
    cell: ({ username }) => <span className="name">{username ?? 'none'}</span>,
  },
  { id: 'actor', header: 'By', cell: ({ actor }) => <span className="name">{actor ?? 'its owner'}</span> },
  {
    id: 'details',
    header: 'Details',
    cell: ({ data }) => <span className="name">{auditDetails(data) || '–'}</span>,
  },
  { id: 'address', header: 'Address', cell: ({ address }) => address ?? '–' },
  { id: 'request', header: 'Request', isHidden: true, cell: ({ correlation_id }) => correlation_id ?? '–' },
  { id: 'time', header: 'Time', align: 'end', cell: ({ created_at }) => <RelativeTime time={created_at} /> },
];

export function AuditLogScreen() {
  const [{ action, user }, change] = useUrlState(DEFAULTS);
  const filters = { ...(action && { action }), ...(user && { user_id: user }) };
  const list = useList(keys.audit.list({ admin: true, ...filters }), ({ cursor, signal }) =>
    listAllAuditEvents({ query: { ...filters, limit: 50, ...(cursor && { cursor }) }, signal }),
  );
  return (
    <AdminOnly title="Audit">
      <PageHeader
        title="Audit"
        description="Security events of all accounts, newest first. Nobody can change them."
      />
      <DataTable
        id="admin-audit"
        label="Security events"
        columns={COLUMNS}
        list={list}
        rowKey={(event) => event.id}
        filters={[
          {
            id: 'action',
            label: 'Event',
            value: action,
            options: AUDIT_ACTIONS,
            onChange: (action) => change({ action }),
          },
        ]}
        empty={<EmptyState icon={ScrollText} title="Nothing yet" />}
      />
    </AdminOnly>
  );
}
