'use client';

import { listNotifications, type NotificationOut, readAllNotifications } from '@less-is-more/client';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Bell, CheckCheck } from 'lucide-react';
import Link from 'next/link';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { RelativeTime } from '@/components/ui/relative-time';
import { StatusBadge } from '@/components/ui/status-badge';
import { toast } from '@/components/ui/toast';
import { cn } from '@/lib/cn';
import { formatWords } from '@/lib/format';
import { useLive } from '@/lib/live/live-provider';
import { keys } from '@/lib/query-keys';

const SHOWN = 8;
const MOST_COUNTED = 99;

/** The page of what a notification is about. */
export function notificationHref(
  notification: Pick<NotificationOut, 'resource_type' | 'resource_id'>,
): string {
  const section = { job: 'jobs', sweep: 'sweeps', dataset: 'datasets', pipeline: 'pipelines' }[
    notification.resource_type
  ];
  return section ? `/${section}/${notification.resource_id}` : '/notifications';
}

export function NotificationBell() {
  const [open, setOpen] = useState(false);
  const queries = useQueryClient();
  const { data } = useQuery({
    queryKey: keys.notifications.list({ bell: true }),
    queryFn: ({ signal }) => listNotifications({ query: { limit: SHOWN }, signal }),
  });
  const unread = data?.unread ?? 0;
  useLive('notification', null, ({ notification }) => {
    if (notification.status === 'failed' || notification.status === 'error') {
      toast.error(new Error(`${notification.name}: ${notification.detail ?? notification.status}`));
    } else toast.success(`${notification.name}: ${formatWords(notification.status).toLowerCase()}`);
  });
  const markAll = async () => {
    try {
      await readAllNotifications({ query: { up_to: data?.last_seq ?? 0 } });
    } catch (error) {
      toast.error(error);
    }
    await queries.invalidateQueries({ queryKey: keys.notifications.all() });
  };
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild>
        <Button
          variant="ghost"
          size="icon"
          className="relative"
          aria-label={unread > 0 ? `Notifications, ${unread} unread` : 'Notifications'}
        >
          <Bell aria-hidden />
          {unread > 0 && (
            <span
              aria-hidden
              className="tabular absolute -top-0.5 -right-0.5 flex h-4 min-w-4 items-center justify-center rounded-full bg-primary px-1 font-semibold text-2xs text-primary-foreground"
            >
              {unread > MOST_COUNTED ? `${MOST_COUNTED}+` : unread}
            </span>
          )}
        </Button>
      </PopoverTrigger>
      <PopoverContent className="w-[min(24rem,calc(100vw-1rem))] p-0" aria-label="Notifications">
        <div className="flex h-10 items-center justify-between border-b pr-1.5 pl-3">
          <p className="font-semibold">Notifications</p>
          <Button variant="ghost" size="sm" onClick={markAll} disabled={unread === 0}>
            <CheckCheck aria-hidden /> Mark all read
          </Button>
        </div>
        {data && data.items.length > 0 ? (
          <ul className="max-h-96 divide-y overflow-y-auto">
            {data.items.map((notification) => (
              <li key={notification.id}>
                <Link
                  href={notificationHref(notification)}
                  prefetch={false}
                  onClick={() => setOpen(false)}
                  className={cn(
                    'flex items-start gap-2.5 px-3 py-2.5 hover:bg-hover focus-visible:-outline-offset-2',
                    !notification.read_at && 'bg-primary-soft/50',
                  )}
                >
                  <span className="min-w-0 flex-1">
                    <span className="name line-clamp-2 font-medium">{notification.name}</span>
                    <span className="name line-clamp-2 text-muted-foreground text-xs">
                      {formatWords(notification.resource_type)} ·{' '}
                      <RelativeTime time={notification.created_at} />
                    </span>
                  </span>
                  <StatusBadge status={notification.status} />
                </Link>
              </li>
            ))}
          </ul>
        ) : (
          <p className="px-3 py-8 text-center text-muted-foreground">
            You will hear here when a job, dataset or pipeline ends.
          </p>
        )}
        <div className="border-t p-1.5 text-center">
          <Button asChild variant="ghost" size="sm" className="w-full">
            <Link href="/notifications" prefetch={false} onClick={() => setOpen(false)}>
              All notifications
            </Link>
          </Button>
        </div>
      </PopoverContent>
    </Popover>
  );
}
