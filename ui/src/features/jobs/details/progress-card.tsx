'use client';

import { Card } from '@/components/ui/card';
import { Progress } from '@/components/ui/progress';
import { formatDuration, formatOrdinal, formatPercent } from '@/lib/format';
import { useNow } from '@/lib/use-now';
import type { Job } from '../contract';
import { doneWords, numberOf, phaseWords, timeLeftS } from '../model/job';

/** How far a job is that has not ended: phase, percent, time left; or its place in the queue. */
export function ProgressCard({ job }: { job: Job }) {
  return job.status === 'queued' ? <QueueCard job={job} /> : <RunningCard job={job} />;
}

function QueueCard({ job }: { job: Job }) {
  const place = job.queue;
  return (
    <Card className="p-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-3">
        <h2 className="font-semibold text-base">Waiting in the queue</h2>
        {place && place.position !== null && (
          <p className="tabular text-sm">
            <span className="font-semibold">{formatOrdinal(place.position)}</span>
            <span className="text-muted-foreground"> in the queue</span>
          </p>
        )}
      </div>
      <p role="status" className="name mt-1 text-muted-foreground text-sm">
        {place?.text ?? 'It starts by itself as soon as the cluster has room.'}
      </p>
      {job.progress > 0 && (
        <Progress
          value={job.progress}
          label="Done before it was queued again"
          tone="neutral"
          className="mt-3"
        />
      )}
    </Card>
  );
}

function RunningCard({ job }: { job: Job }) {
  const now = useNow(1000);
  const left = timeLeftS(job, now);
  const done = doneWords(job);
  const phase = phaseWords(job.phase) ?? (job.status === 'starting' ? 'Starting' : 'Preparing the run');
  const isOpen = job.status === 'starting' || (job.progress === 0 && job.step === null);
  const startedMs = job.started_at ? new Date(job.started_at).getTime() : null;
  const isRestarted = job.attempt > 1 && numberOf(job.metrics.eta_s) === null;
  return (
    <Card className="p-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-3">
        <h2 className="font-semibold text-base">{phase}</h2>
        <p className="tabular text-muted-foreground text-sm">
          {left !== null && (
            <span className="font-medium text-foreground">
              {left < 1 ? 'a moment left' : `${formatDuration(Math.round(left))} left`}
            </span>
          )}
          {left === null && isRestarted && 'time left is being measured again'}
          {startedMs !== null && (
            <span className="ml-2">
              running {formatDuration(Math.max(0, Math.round((now - startedMs) / 1000)))}
            </span>
          )}
        </p>
      </div>
      <div className="mt-2.5 flex items-center gap-3">
        <Progress
          value={isOpen ? null : job.progress}
          label="Progress"
          tone={job.status === 'stopping' ? 'warning' : 'primary'}
          className="h-2"
        />
        <span className="tabular w-10 text-right font-medium text-sm">
          {isOpen ? '' : formatPercent(job.progress, 0)}
        </span>
      </div>
      {done && <p className="tabular mt-1 text-muted-foreground text-sm">{done}</p>}
      {/* Screen readers hear a tenth at a time, not every step. */}
      <span className="sr-only" role="status">
        {isOpen ? phase : `${phase}, ${Math.floor(job.progress * 10) * 10} percent`}
      </span>
    </Card>
  );
}
