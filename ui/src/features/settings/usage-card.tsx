'use client';

import { readUsage } from '@less-is-more/client';
import { useQuery } from '@tanstack/react-query';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { KeyValues } from '@/components/ui/key-values';
import { Progress } from '@/components/ui/progress';
import { Skeleton } from '@/components/ui/skeleton';
import { formatBytes, formatCount, formatPercent } from '@/lib/format';
import { keys } from '@/lib/query-keys';

const NEARLY_FULL = 0.9;

export function UsageCard() {
  const { data, error, refetch } = useQuery({
    queryKey: keys.usage(),
    queryFn: ({ signal }) => readUsage({ signal }),
  });
  return (
    <Card aria-busy={!data && !error}>
      <CardHeader title="Usage" description="Limits are set by whoever runs this platform." />
      <CardContent>
        {error ? (
          <ErrorState error={error} onRetry={() => void refetch()} className="py-6" />
        ) : !data ? (
          <div className="grid gap-3">
            <Skeleton className="w-2/3" />
            <Skeleton className="w-1/2" />
          </div>
        ) : (
          <div className="grid gap-4">
            {data.storage.allowed_bytes !== null && (
              <Storage used={data.storage.used_bytes} allowed={data.storage.allowed_bytes} />
            )}
            <KeyValues
              items={[
                [
                  'Storage',
                  data.storage.allowed_bytes === null
                    ? `${formatBytes(data.storage.used_bytes)}, without a limit`
                    : `${formatBytes(data.storage.used_bytes)} of ${formatBytes(data.storage.allowed_bytes)}`,
                ],
                ['Datasets', formatBytes(data.storage.datasets_bytes)],
                ['Jobs', formatBytes(data.storage.jobs_bytes)],
                [
                  'Jobs running',
                  data.jobs.most_running === null
                    ? `${formatCount(data.jobs.running)}, without a limit`
                    : `${formatCount(data.jobs.running)} of at most ${formatCount(data.jobs.most_running)}`,
                ],
                [
                  'Jobs not finished',
                  `${formatCount(data.jobs.unfinished)} of at most ${formatCount(data.jobs.most_unfinished)}`,
                ],
              ]}
            />
          </div>
        )}
      </CardContent>
    </Card>
  );
}

function Storage({ used, allowed }: { used: number; allowed: number }) {
  const share = allowed > 0 ? used / allowed : 1;
  return (
    <div className="grid gap-1.5">
      <Progress
        value={share}
        label={`${formatPercent(share, 0)} of the storage is used`}
        tone={share >= 1 ? 'danger' : share >= NEARLY_FULL ? 'warning' : 'primary'}
      />
      {share >= NEARLY_FULL && (
        <p className="text-warning-text text-xs">
          {share >= 1 ? 'Storage is full' : 'Storage is nearly full'}: delete datasets or finished jobs that
          you no longer need.
        </p>
      )}
    </div>
  );
}
