'use client';

import type { JobOut } from '@less-is-more/client';
import { Activity } from 'lucide-react';
import Link from 'next/link';
import { Button } from '@/components/ui/button';
import { Card, CardHeader } from '@/components/ui/card';
import { EmptyState } from '@/components/ui/empty-state';
import { ErrorState } from '@/components/ui/error-state';
import { Progress } from '@/components/ui/progress';
import { RelativeTime } from '@/components/ui/relative-time';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { formatPercent, formatWords } from '@/lib/format';
import type { List } from '@/lib/use-list';
import { UNFINISHED } from './api';

const SHOWN = 6;

export function ActiveJobs({ list }: { list: List<JobOut> }) {
  const jobs = list.rows.filter((job) => UNFINISHED.includes(job.status));
  return (
    <Card aria-busy={list.isLoading}>
      <CardHeader
        title="Active jobs"
        actions={
          <Button asChild variant="ghost" size="sm">
            <Link href="/jobs" prefetch={false}>
              All jobs
            </Link>
          </Button>
        }
      />
      {list.error && jobs.length === 0 ? (
        <ErrorState error={list.error} onRetry={list.reload} className="py-8" />
      ) : list.isLoading ? (
        <div className="grid gap-4 px-4 pb-4">
          <Skeleton className="h-9" />
          <Skeleton className="h-9" />
        </div>
      ) : jobs.length === 0 ? (
        <EmptyState
          icon={Activity}
          title="Nothing is running"
          description="A training shows here from the moment it is queued."
          className="pt-6 pb-10"
          actions={
            <Button asChild>
              <Link href="/jobs/new" prefetch={false}>
                New training
              </Link>
            </Button>
          }
        />
      ) : (
        <ul className="divide-y border-t">
          {jobs.slice(0, SHOWN).map((job) => (
            <li key={job.id}>
              <Link
                href={job.type === 'sweep' ? `/sweeps/${job.id}` : `/jobs/${job.id}`}
                prefetch={false}
                className="grid gap-2 px-4 py-3 transition-colors hover:bg-hover focus-visible:-outline-offset-2"
              >
                <span className="flex items-center justify-between gap-3">
                  <span className="name line-clamp-1 min-w-0 font-medium text-sm">{job.name}</span>
                  <StatusBadge status={job.status} />
                </span>
                {job.status === 'queued' ? (
                  <span className="text-muted-foreground text-xs">
                    {formatWords(job.type)} · queued <RelativeTime time={job.queued_at} />
                  </span>
                ) : (
                  <span className="flex items-center gap-3">
                    <Progress value={job.progress} label={`Progress of ${job.name}`} className="flex-1" />
                    <span className="tabular w-12 text-right text-muted-foreground text-xs">
                      {formatPercent(job.progress, 0)}
                    </span>
                  </span>
                )}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
