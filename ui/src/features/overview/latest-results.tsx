import type { JobOut } from '@less-is-more/client';
import { ArrowRight } from 'lucide-react';
import Link from 'next/link';
import { Card, CardHeader } from '@/components/ui/card';
import { RelativeTime } from '@/components/ui/relative-time';
import { formatPercent } from '@/lib/format';
import { gainOf } from './results';

const SHOWN = 4;

/** What the newest trainings brought: the primary metric before and after. */
export function LatestResults({ jobs }: { jobs: readonly JobOut[] }) {
  const measured = jobs.flatMap((job) => {
    const gain = job.type === 'training' && job.status === 'succeeded' ? gainOf(job) : null;
    return gain ? [{ job, gain }] : [];
  });
  if (measured.length === 0) return null;
  return (
    <Card>
      <CardHeader title="Latest results" description="On examples that the training never saw." />
      <ul className="divide-y border-t">
        {measured.slice(0, SHOWN).map(({ job, gain }) => (
          <li key={job.id}>
            <Link
              href={`/jobs/${job.id}`}
              prefetch={false}
              className="flex items-center justify-between gap-4 px-4 py-2.5 transition-colors hover:bg-hover focus-visible:-outline-offset-2"
            >
              <span className="min-w-0">
                <span className="name line-clamp-1 text-sm">{job.name}</span>
                <span className="block text-muted-foreground text-xs">
                  <RelativeTime time={job.finished_at} />
                </span>
              </span>
              <span className="tabular flex shrink-0 items-center gap-1.5 text-sm">
                <span className="text-muted-foreground text-xs">
                  {gain.metric.replaceAll('_', ' ').toUpperCase()}
                </span>
                <span className="text-muted-foreground">{formatPercent(gain.before)}</span>
                <ArrowRight className="size-3.5 text-muted-foreground" aria-label="became" />
                <span className="font-semibold">{formatPercent(gain.after)}</span>
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}
