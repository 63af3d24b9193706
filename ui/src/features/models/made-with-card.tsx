'use client';

import type { ModelOut } from '@less-is-more/client';
import Link from 'next/link';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { RelativeTime } from '@/components/ui/relative-time';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { useMadeWith } from './api';

const SHOWN = 8;

/** The caller's adapters and trainings of a model. */
export function MadeWithCard({ model }: { model: ModelOut }) {
  const { data, error, refetch, isPending } = useMadeWith(model.id);
  return (
    <Card>
      <CardHeader title="Your adapters and trainings" description="Made from this model, newest first." />
      <CardContent>
        {isPending ? (
          <div aria-busy="true" className="grid gap-2">
            <p className="sr-only" role="status">
              Loading
            </p>
            <Skeleton className="h-8" />
            <Skeleton className="h-8" />
          </div>
        ) : error ? (
          <ErrorState error={error} onRetry={() => void refetch()} className="py-6" />
        ) : data.adapters.length + data.trainings.length === 0 ? (
          <div className="py-4 text-center text-sm">
            <p className="text-muted-foreground">You have not trained it yet.</p>
            {model.status === 'active' && (
              <Button asChild className="mt-3">
                <Link href={`/jobs/new?model=${encodeURIComponent(model.id)}`} prefetch={false}>
                  Train it
                </Link>
              </Button>
            )}
          </div>
        ) : (
          <ul className="divide-y text-sm">
            {data.adapters.map(({ adapter, version }) => (
              <Entry
                key={adapter.id}
                href={`/adapters/${adapter.id}`}
                name={adapter.name}
                note={`Adapter, version ${version?.number ?? 1}`}
                time={version?.created_at ?? adapter.created_at}
              />
            ))}
            {data.trainings.slice(0, SHOWN).map((job) => (
              <Entry
                key={job.id}
                href={`/jobs/${job.id}`}
                name={job.name}
                time={job.created_at}
                status={job.status}
              />
            ))}
          </ul>
        )}
      </CardContent>
    </Card>
  );
}

function Entry({
  href,
  name,
  note,
  time,
  status,
}: {
  href: string;
  name: string;
  note?: string;
  time: string;
  status?: string;
}) {
  return (
    <li className="flex items-center justify-between gap-3 py-2">
      <span className="min-w-0">
        <Link
          href={href}
          prefetch={false}
          dir="auto"
          className="name line-clamp-1 rounded font-medium hover:underline"
        >
          {name}
        </Link>
        <span className="text-muted-foreground text-xs">
          {note && `${note} · `}
          <RelativeTime time={time} />
        </span>
      </span>
      {status && <StatusBadge status={status} />}
    </li>
  );
}
