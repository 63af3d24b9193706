'use client';

import { useQuery } from '@tanstack/react-query';
import { Cpu, TriangleAlert } from 'lucide-react';
import Link from 'next/link';
import { useCallback, useMemo } from 'react';
import { Card, CardHeader } from '@/components/ui/card';
import { RelativeTime } from '@/components/ui/relative-time';
import { plural } from '@/lib/format';
import { logQuery } from '../api';
import type { Job, LogLine } from '../contract';
import { useEventsAfter } from '../live/job-live';
import { lineOf, matches } from '../logs/lines';
import { fieldsOf, numberOf } from '../model/job';

const SHOWN = 5;
const FILTERS = { q: '', level: 'warning' };

interface Notice {
  key: string;
  time: string;
  text: string;
  /** What it means, for those who have not seen it before. */
  explanation: string | null;
  icon: typeof Cpu;
}

/** What a line that people ask about means. */
function explained(line: LogLine): Notice {
  const { message } = line;
  const base = { key: String(line.seq), time: line.time, text: message, icon: TriangleAlert };
  if (/memory ran out|killed for memory|micro-batches have at most|gradient_checkpointing/.test(message))
    return {
      ...base,
      icon: Cpu,
      explanation:
        'The job goes on by itself with smaller pieces of the same batch. What it learns stays the same; it only takes a little longer.',
    };
  if (/preempted/.test(message))
    return {
      ...base,
      explanation: 'It saved a checkpoint, waits for its next turn, and continues there. Nothing is lost.',
    };
  if (/worker failed|driver|restart|lost/.test(message))
    return { ...base, explanation: 'The platform starts it again by itself, from the newest checkpoint.' };
  return { ...base, explanation: null };
}

/** Warnings of a job with what they mean: memory step-downs, restarts, doubts about the data. */
export function Notices({ job }: { job: Job }) {
  const query = useQuery(logQuery(job.id, FILTERS, { tail: 50 }));
  const { refetch } = query;
  const reload = useCallback(() => void refetch(), [refetch]);
  const after = query.data ? Math.max(query.data.seen, query.data.items.at(-1)?.seq ?? 0) : undefined;
  const events = useEventsAfter('log', after, reload);
  const notices = useMemo(() => {
    const live = events.map(lineOf).filter((line) => matches(line, '', FILTERS.level));
    return [...(query.data?.items ?? []), ...live].map(explained);
  }, [query.data, events]);
  const total = Math.max(
    notices.length,
    (query.data?.total ?? 0) + (notices.length - (query.data?.items.length ?? 0)),
  );
  const leftOut = numberOf(fieldsOf(job.result).left_out_count) ?? 0;
  if (notices.length === 0 && leftOut === 0) return null;
  return (
    <Card>
      <CardHeader
        title="Worth knowing"
        actions={
          total > SHOWN ? (
            <Link
              href={`/jobs/${job.id}?tab=logs&level=warning`}
              prefetch={false}
              className="rounded text-primary-text text-sm hover:underline"
            >
              All {plural(total, 'warning')}
            </Link>
          ) : undefined
        }
      />
      <ul className="grid gap-3 px-4 pb-4">
        {leftOut > 0 && (
          <li className="flex gap-2.5 text-sm">
            <TriangleAlert className="mt-0.5 size-4 shrink-0 text-warning-text" aria-hidden />
            <p>{plural(leftOut, 'example was', 'examples were')} left out: too long for the model.</p>
          </li>
        )}
        {notices.slice(-SHOWN).map(({ key, time, text, explanation, icon: Icon }) => (
          <li key={key} className="flex gap-2.5 text-sm">
            <Icon className="mt-0.5 size-4 shrink-0 text-warning-text" aria-hidden />
            <div className="min-w-0">
              <p dir="auto" className="name line-clamp-4">
                {text.trim()}
              </p>
              {explanation && <p className="text-muted-foreground">{explanation}</p>}
              <RelativeTime time={time} className="text-muted-foreground text-xs" />
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}
