'use client';

import { type AuditOut, listAuditEvents } from '@less-is-more/client';
import { ScrollText, TriangleAlert } from 'lucide-react';
import { type Column, DataTable } from '@/components/data-table';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { RelativeTime } from '@/components/ui/relative-time';
import { keys } from '@/lib/query-keys';
import { useList } from '@/lib/use-list';
import { auditDetails, auditWords, isNoteworthy } from '../audit-words';

const COLUMNS: Column<AuditOut>[] = [
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
    id: 'details',
    header: 'Details',
    cell: ({ data }) => <span className="name">{auditDetails(data) || '–'}</span>,
  },
  { id: 'by', header: 'By', cell: ({ actor_id }) => (actor_id ? 'An administrator' : 'You') },
  { id: 'address', header: 'Address', cell: ({ address }) => address ?? '–' },
  { id: 'request', header: 'Request', isHidden: true, cell: ({ correlation_id }) => correlation_id ?? '–' },
  { id: 'time', header: 'Time', align: 'end', cell: ({ created_at }) => <RelativeTime time={created_at} /> },
];

export function SecurityLogScreen() {
  const list = useList(keys.audit.list(), ({ cursor, signal }) =>
    listAuditEvents({ query: { limit: 50, ...(cursor && { cursor }) }, signal }),
  );
  return (
    <>
      <PageHeader
        title="Security log"
        description="Log-ins and changes of your account. If you do not recognise an entry, change your password: it ends every other login."
      />
      <DataTable
        id="security-log"
        label="Security events"
        columns={COLUMNS}
        list={list}
        rowKey={(event) => event.id}
        empty={
          <EmptyState icon={ScrollText} title="Nothing yet" description="Log-ins and changes appear here." />
        }
      />
    </>
  );
}
