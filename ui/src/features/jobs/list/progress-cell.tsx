'use client';

import { Progress } from '@/components/ui/progress';
import { formatDuration, formatPercent } from '@/lib/format';
import { useNow } from '@/lib/use-now';
import type { Job } from '../contract';
import { doneWords, hasEnded, phaseWords, timeLeftS } from '../model/job';

const TONES = {
  succeeded: 'success',
  failed: 'danger',
  stopped: 'warning',
  stopping: 'warning',
} as const;

/** How far a job is: percent, bar, and steps and epochs below. */
export function ProgressCell({ job }: { job: Job }) {
  if (job.status === 'queued' && job.progress === 0) return <span className="text-muted-foreground">–</span>;
  const tone = TONES[job.status as keyof typeof TONES] ?? 'primary';
  const isOpen = job.status === 'starting' && job.progress === 0;
  const words = doneWords(job) ?? (hasEnded(job.status) ? null : phaseWords(job.phase));
  return (
    <div className="w-full min-w-36 max-w-52">
      <div className="flex h-4 items-center gap-2">
        <Progress value={isOpen ? null : job.progress} label={`Progress of ${job.name}`} tone={tone} />
        <span className="tabular w-9 shrink-0 text-right text-xs">{formatPercent(job.progress, 0)}</span>
      </div>
      {words && <p className="tabular truncate text-2xs text-muted-foreground">{words}</p>}
    </div>
  );
}

/** The time left, counting down. */
export function TimeLeft({ job }: { job: Job }) {
  const isRunning = !hasEnded(job.status) && job.status !== 'queued';
  const now = useNow(isRunning ? 1000 : null);
  const left = timeLeftS(job, now);
  if (left === null) return <span className="text-muted-foreground">–</span>;
  return (
    <span className="tabular whitespace-nowrap">
      {left < 1 ? 'a moment' : formatDuration(Math.round(left))}
    </span>
  );
}
