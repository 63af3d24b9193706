'use client';

import { readClusterUsage } from '@less-is-more/client';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useId } from 'react';
import { Card } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { Progress } from '@/components/ui/progress';
import { Skeleton } from '@/components/ui/skeleton';
import { formatBytes, formatCount, formatNumber } from '@/lib/format';
import { keys } from '@/lib/query-keys';
import { inUse } from './totals';

const REFRESH_MS = 5_000;

/** What the cluster is doing now: jobs of all users, and what they have reserved. */
export function Usage({ memoryBytes }: { memoryBytes: number }) {
  const heading = useId();
  const { data, error, refetch } = useQuery({
    queryKey: keys.nodes.one('usage'),
    queryFn: ({ signal }) => readClusterUsage({ signal }),
    refetchInterval: REFRESH_MS, // jobs of others are not part of the event stream
  });
  if (error && !data) {
    return (
      <Card>
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Card>
    );
  }
  return (
    <section aria-labelledby={heading} aria-busy={!data}>
      <h2 id={heading} className="sr-only">
        In use
      </h2>
      <div className="grid gap-3 sm:grid-cols-2 sm:gap-4 lg:grid-cols-4">
        {!data ? (
          [0, 1, 2, 3].map((key) => <Skeleton key={key} className="h-24" />)
        ) : (
          <>
            <Stat label="Jobs running" value={formatCount(data.jobs.running)}>
              {data.jobs.queued > 0 ? `${formatCount(data.jobs.queued)} waiting` : 'None waiting'}
            </Stat>
            {inUse(data.resources).map(({ name, title, used, total }) => (
              <Stat key={name} label={`${title} in use`} value={formatNumber(used)} of={formatNumber(total)}>
                <Progress
                  value={used / total}
                  label={`${formatNumber(used)} of ${formatNumber(total)} ${title} in use`}
                />
              </Stat>
            ))}
            <Stat label="Memory" value={formatBytes(memoryBytes)}>
              Of all machines together
            </Stat>
          </>
        )}
      </div>
    </section>
  );
}

interface StatProps {
  label: string;
  value: string;
  of?: string;
  children: ReactNode;
}

function Stat({ label, value, of, children }: StatProps) {
  return (
    <Card className="grid content-start gap-2 p-4">
      <p className="text-muted-foreground text-sm">{label}</p>
      <p className="tabular font-semibold text-2xl leading-none">
        {value}
        {of && <span className="font-normal text-base text-muted-foreground"> of {of}</span>}
      </p>
      <div className="text-muted-foreground text-xs">{children}</div>
    </Card>
  );
}
