'use client';

import { Check, LoaderCircle } from 'lucide-react';
import Link from 'next/link';
import { Card } from '@/components/ui/card';
import { Progress } from '@/components/ui/progress';
import { cn } from '@/lib/cn';
import { formatCount, formatPercent } from '@/lib/format';
import { useIngestion } from '../api';
import { PHASES, phaseIndex } from '../phases';
import type { DatasetRow } from '../types';

/** A version that is being made: its steps, how far the present one is, what is counted so far. */
export function Processing({ dataset, title }: { dataset: DatasetRow; title: string }) {
  const { data: job } = useIngestion(dataset.job_id, true);
  const isQueued = job?.status === 'queued' || job?.status === 'starting';
  const phase = isQueued ? 'queued' : (job?.phase ?? dataset.phase ?? 'queued');
  const share = isQueued ? null : (job?.progress ?? dataset.progress ?? null);
  const current = phaseIndex(phase);
  const metrics = (job?.metrics ?? {}) as { items_read?: number; items_found?: number };
  return (
    <Card aria-label={title} className="p-4 sm:p-5">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        <h2 className="font-semibold text-base">{title}</h2>
        {dataset.job_id && (
          <Link
            href={`/jobs/${dataset.job_id}`}
            prefetch={false}
            className="rounded text-primary-text text-sm hover:underline"
          >
            Show its log
          </Link>
        )}
      </div>
      <p className="text-muted-foreground text-sm">
        You can leave this page; a notification tells when it is done.
      </p>
      <ol className="mt-4 grid gap-2 sm:grid-cols-4">
        {PHASES.map(({ id, title: step, about }, index) => {
          const isDone = index < current;
          const isNow = index === current;
          return (
            <li
              key={id}
              aria-current={isNow ? 'step' : undefined}
              className={cn('rounded-lg border p-3', isNow && 'border-primary bg-primary-soft')}
            >
              <p
                className={cn(
                  'flex items-center gap-1.5 font-medium text-sm',
                  !isDone && !isNow && 'text-muted-foreground',
                )}
              >
                {isDone && <Check className="size-4 text-success-text" aria-label="Done" />}
                {isNow && (
                  <LoaderCircle
                    className="size-4 animate-spin text-primary-text [animation-duration:2s]"
                    aria-hidden
                  />
                )}
                {step}
              </p>
              <p className="mt-0.5 text-muted-foreground text-xs">{about}</p>
            </li>
          );
        })}
      </ol>
      <Progress value={share} label={title} className="mt-4 h-2" />
      <p className="tabular mt-1.5 flex justify-between text-muted-foreground text-sm" aria-live="polite">
        <span>
          {metrics.items_read !== undefined &&
            metrics.items_found !== undefined &&
            `${formatCount(metrics.items_read)} of ${formatCount(metrics.items_found)} items read`}
        </span>
        <span>{share === null ? '' : formatPercent(share, 0)}</span>
      </p>
    </Card>
  );
}
