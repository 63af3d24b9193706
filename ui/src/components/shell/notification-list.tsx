'use client';

import { type NotificationPage, readAllNotifications } from '@less-is-more/client';
import { useQueryClient } from '@tanstack/react-query';
import { CheckCheck } from 'lucide-react';
import Link from 'next/link';
import { type ComponentProps, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { RelativeTime } from '@/components/ui/relative-time';
import { StatusBadge } from '@/components/ui/status-badge';
import { toast } from '@/components/ui/toast';
import { cn } from '@/lib/cn';
import { formatWords } from '@/lib/format';
import { keys } from '@/lib/query-keys';
import { notificationHref } from './notification-href';

interface NotificationListProps {
  page: NotificationPage | undefined;
  button: ComponentProps<typeof Button>;
}

/** What the bell opens. */
export default function NotificationList({ page, button }: NotificationListProps) {
  const [open, setOpen] = useState(true);
  const queries = useQueryClient();
  const markAll = async () => {
    try {
      await readAllNotifications({ query: { up_to: page?.last_seq ?? 0 } });
    } catch (error) {
      toast.error(error);
    }
    await queries.invalidateQueries({ queryKey: keys.notifications.all() });
  };
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild>
        <Button {...button} />
      </PopoverTrigger>
      <PopoverContent className="w-[min(24rem,calc(100vw-1rem))] p-0" aria-label="Notifications">
        <div className="flex h-10 items-center justify-between border-b pr-1.5 pl-3">
          <p className="font-semibold">Notifications</p>
          <Button variant="ghost" size="sm" onClick={markAll} disabled={!page?.unread}>
            <CheckCheck aria-hidden /> Mark all read
          </Button>
        </div>
        {page && page.items.length > 0 ? (
          <ul className="max-h-96 divide-y overflow-y-auto">
            {page.items.map((notification) => (
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
