'use client';

import { readyz } from '@less-is-more/client';
import { useQuery } from '@tanstack/react-query';
import { CircleCheck, CircleX, TriangleAlert } from 'lucide-react';
import { Badge } from '@/components/ui/badge';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { Skeleton } from '@/components/ui/skeleton';
import { formatWords } from '@/lib/format';
import { keys } from '@/lib/query-keys';

const REFRESH_MS = 15_000;
const TITLES: Record<string, string> = { postgresql: 'PostgreSQL' };

/** Which parts of the platform work: what operators look at first when something hangs. */
export function Health() {
  const { data, error, refetch } = useQuery({
    queryKey: keys.settings('health'),
    queryFn: ({ signal }) => readyz({ signal }),
    refetchInterval: REFRESH_MS,
  });
  const late = Object.entries(data?.background ?? {}).filter(
    ([, task]) => task.is_late || task.error !== null,
  );
  return (
    <Card aria-busy={!data && !error}>
      <CardHeader title="Platform" description="Services and background work behind this page." />
      <CardContent>
        {error && !data ? (
          <ErrorState error={error} onRetry={() => void refetch()} className="py-6" />
        ) : !data ? (
          <Skeleton className="w-2/3" />
        ) : (
          <ul className="grid gap-2 sm:grid-cols-2 lg:grid-cols-4">
            {Object.entries(data.dependencies).map(([name, state]) => (
              <li
                key={name}
                className="flex items-center justify-between gap-3 rounded-md border px-3 py-2 text-sm"
              >
                {TITLES[name] ?? formatWords(name)}
                {state === 'ready' ? (
                  <Badge tone="success">
                    <CircleCheck aria-hidden /> Ready
                  </Badge>
                ) : (
                  <Badge tone="danger">
                    <CircleX aria-hidden /> {formatWords(String(state))}
                  </Badge>
                )}
              </li>
            ))}
            <li className="flex items-center justify-between gap-3 rounded-md border px-3 py-2 text-sm">
              Background work
              {late.length === 0 ? (
                <Badge tone="success">
                  <CircleCheck aria-hidden /> On time
                </Badge>
              ) : (
                <Badge tone="warning" title={late.map(([name]) => name).join(', ')}>
                  <TriangleAlert aria-hidden /> {late.map(([name]) => formatWords(name)).join(', ')}
                </Badge>
              )}
            </li>
          </ul>
        )}
      </CardContent>
    </Card>
  );
}
