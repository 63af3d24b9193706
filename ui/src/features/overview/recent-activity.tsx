import { Activity as ActivityIcon, Database } from 'lucide-react';
import Link from 'next/link';
import { Card, CardHeader } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { RelativeTime } from '@/components/ui/relative-time';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import type { Activity } from './activity';

interface RecentActivityProps {
  /** Null: it loads. */
  items: readonly Activity[] | null;
  error: unknown;
  onRetry: () => void;
}

export function RecentActivity({ items, error, onRetry }: RecentActivityProps) {
  return (
    <Card aria-busy={items === null && !error}>
      <CardHeader title="Recent activity" />
      {error && !items?.length ? (
        <ErrorState error={error} onRetry={onRetry} className="py-8" />
      ) : items === null ? (
        <div className="grid gap-4 px-4 pb-4">
          {[0, 1, 2, 3].map((row) => (
            <Skeleton key={row} className="h-5" />
          ))}
        </div>
      ) : items.length === 0 ? (
        <p className="px-4 pb-6 text-muted-foreground text-sm">
          Uploads, trainings and their results appear here.
        </p>
      ) : (
        <ul className="divide-y border-t">
          {items.map((item) => {
            const Icon = item.kind === 'dataset' ? Database : ActivityIcon;
            return (
              <li key={`${item.kind}-${item.id}`}>
                <Link
                  href={item.href}
                  prefetch={false}
                  className="flex items-center gap-3 px-4 py-2.5 transition-colors hover:bg-hover focus-visible:-outline-offset-2"
                >
                  <Icon className="size-4 shrink-0 text-muted-foreground" aria-hidden />
                  <span className="min-w-0 flex-1">
                    <span className="name line-clamp-1 text-sm">{item.name}</span>
                    <span className="block text-muted-foreground text-xs">
                      {item.type} · <RelativeTime time={item.time} />
                    </span>
                  </span>
                  <StatusBadge status={item.status} />
                </Link>
              </li>
            );
          })}
        </ul>
      )}
    </Card>
  );
}
