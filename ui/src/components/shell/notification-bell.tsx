'use client';

import { listNotifications } from '@less-is-more/client';
import { useQuery } from '@tanstack/react-query';
import { Bell } from 'lucide-react';
import { OnDemand } from '@/components/ui/on-demand';
import { toast } from '@/components/ui/toast';
import { formatWords } from '@/lib/format';
import { useLive } from '@/lib/live/live-provider';
import { keys } from '@/lib/query-keys';

const SHOWN = 8;
const MOST_COUNTED = 99;
const loadList = () => import('./notification-list');

/** The number of unread notifications, live; opens the newest. */
export function NotificationBell() {
  const { data: page } = useQuery({
    queryKey: keys.notifications.list({ bell: true }),
    queryFn: ({ signal }) => listNotifications({ query: { limit: SHOWN }, signal }),
  });
  const unread = page?.unread ?? 0;
  useLive('notification', null, ({ notification: { name, status, detail } }) => {
    if (status === 'failed' || status === 'error') toast.failure(`${name} failed`, detail);
    else toast.success(`${name}: ${formatWords(status).toLowerCase()}`);
  });
  return (
    <OnDemand
      load={loadList}
      popup="dialog"
      props={{ page }}
      button={{
        variant: 'ghost',
        size: 'icon',
        className: 'relative',
        'aria-label': unread > 0 ? `Notifications, ${unread} unread` : 'Notifications',
        children: (
          <>
            <Bell aria-hidden />
            {unread > 0 && (
              <span
                aria-hidden
                className="tabular absolute -top-0.5 -right-0.5 flex h-4 min-w-4 items-center justify-center rounded-full bg-primary px-1 font-semibold text-2xs text-primary-foreground"
              >
                {unread > MOST_COUNTED ? `${MOST_COUNTED}+` : unread}
              </span>
            )}
          </>
        ),
      }}
    />
  );
}
