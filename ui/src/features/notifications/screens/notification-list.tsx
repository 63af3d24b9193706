'use client';

import {
  changeNotification,
  deleteNotification,
  listNotifications,
  type NotificationOut,
  readAllNotifications,
} from '@less-is-more/client';
import { useQueryClient } from '@tanstack/react-query';
import { Bell, BellDot, CheckCheck, MailOpen, Settings, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { type Column, DataTable } from '@/components/data-table';
import { notificationHref } from '@/components/shell/notification-href';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { RelativeTime } from '@/components/ui/relative-time';
import { StatusBadge } from '@/components/ui/status-badge';
import { toast } from '@/components/ui/toast';
import { KINDS, type NotificationKind } from '@/features/settings/notification-kinds';
import { cn } from '@/lib/cn';
import { formatWords } from '@/lib/format';
import { keys } from '@/lib/query-keys';
import { useUrlState } from '@/lib/url-state';
import { useDebounced } from '@/lib/use-debounced';
import { useList } from '@/lib/use-list';

const DEFAULTS = { q: '', kind: '', read: '' };
const COLUMNS: Column<NotificationOut>[] = [
  {
    id: 'name',
    header: 'What',
    isTitle: true,
    cell: ({ name, read_at }) => (
      <span className={cn(!read_at && 'font-semibold')}>
        {!read_at && (
          <BellDot className="mr-2 inline size-3.5 align-[-2px] text-primary-text" aria-label="Unread" />
        )}
        {name}
      </span>
    ),
  },
  { id: 'type', header: 'Type', cell: ({ resource_type }) => formatWords(resource_type) },
  { id: 'status', header: 'How it ended', cell: ({ status }) => <StatusBadge status={status} /> },
  {
    id: 'detail',
    header: 'Detail',
    cell: ({ detail }) =>
      detail ? (
        <span className="name line-clamp-2 max-w-md text-muted-foreground" title={detail}>
          {detail}
        </span>
      ) : (
        '–'
      ),
  },
  {
    id: 'webhook',
    header: 'Webhook',
    isHidden: true,
    cell: ({ webhook }) => (webhook ? formatWords(webhook.status) : '–'),
  },
  { id: 'time', header: 'Time', align: 'end', cell: ({ created_at }) => <RelativeTime time={created_at} /> },
];

export function NotificationListScreen() {
  const queries = useQueryClient();
  const [{ q, kind, read }, change] = useUrlState(DEFAULTS);
  const search = useDebounced(q);
  const filters = {
    ...(search && { q: search }),
    ...(kind && { kind: kind as NotificationKind }),
    ...(read && { unread: read === 'unread' }),
  };
  const list = useList(keys.notifications.list(filters), ({ cursor, signal }) =>
    listNotifications({ query: { ...filters, limit: 50, ...(cursor && { cursor }) }, signal }),
  );
  const act = async (action: () => Promise<unknown>) => {
    try {
      await action();
    } catch (error) {
      toast.error(error);
    }
    await queries.invalidateQueries({ queryKey: keys.notifications.all() });
  };
  return (
    <>
      <PageHeader
        title="Notifications"
        description="Jobs, datasets and pipelines that have ended."
        actions={
          <>
            <Button asChild variant="ghost">
              <Link href="/settings/notifications" prefetch={false}>
                <Settings aria-hidden /> Settings
              </Link>
            </Button>
            <Button onClick={() => act(() => readAllNotifications({ query: {} }))}>
              <CheckCheck aria-hidden /> Mark all read
            </Button>
          </>
        }
      />
      <DataTable
        id="notifications"
        label="Notifications"
        columns={COLUMNS}
        list={list}
        rowKey={(row) => row.id}
        rowHref={notificationHref}
        rowActions={(row) => [
          {
            label: row.read_at ? 'Mark unread' : 'Mark read',
            icon: <MailOpen aria-hidden />,
            onSelect: () =>
              act(() =>
                changeNotification({ path: { notification_id: row.id }, body: { read: !row.read_at } }),
              ),
          },
          {
            label: 'Delete',
            icon: <Trash2 aria-hidden />,
            danger: true,
            onSelect: () => act(() => deleteNotification({ path: { notification_id: row.id } })),
          },
        ]}
        search={{ value: q, onChange: (q) => change({ q }), placeholder: 'Search by name' }}
        filters={[
          {
            id: 'read',
            label: 'Read',
            value: read,
            options: [
              { value: 'unread', label: 'Unread' },
              { value: 'read', label: 'Read' },
            ],
            onChange: (read) => change({ read }),
          },
          {
            id: 'kind',
            label: 'Kind',
            value: kind,
            options: KINDS.map(({ kind, title }) => ({ value: kind, label: title })),
            onChange: (kind) => change({ kind }),
          },
        ]}
        empty={
          <EmptyState
            icon={Bell}
            title="Nothing yet"
            description="You will hear here when a job, dataset or pipeline ends, also if this page is closed."
          />
        }
      />
    </>
  );
}
