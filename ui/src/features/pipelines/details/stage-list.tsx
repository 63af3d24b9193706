'use client';

import type { PipelineOut, StageOut } from '@less-is-more/client';
import { ArrowRight } from 'lucide-react';
import Link from 'next/link';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Progress } from '@/components/ui/progress';
import { StatusBadge } from '@/components/ui/status-badge';
import { textOf } from '@/features/jobs/model/job';
import { formatDuration } from '@/lib/format';
import { useNow } from '@/lib/use-now';
import { askedWords, failureOf, jobHref, resultWords, stageWords } from '../words';

interface StageListProps {
  pipeline: PipelineOut;
  idOf: (name: string) => string;
}

/** Every stage with what it did, why it failed, and what happens next. */
export function StageList({ pipeline, idOf }: StageListProps) {
  return (
    <ol className="divide-y" aria-label="Stages">
      {pipeline.stages.map((stage) => (
        <StageRow key={stage.name} stage={stage} pipeline={pipeline} id={idOf(stage.name)} />
      ))}
    </ol>
  );
}

function StageRow({ stage, pipeline, id }: { stage: StageOut; pipeline: PipelineOut; id: string }) {
  const result = resultWords(stage);
  const asked = askedWords(stage);
  return (
    <li id={id} className="grid scroll-mt-20 gap-2 px-4 py-3.5 target:bg-primary-soft">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          <div className="flex flex-wrap items-center gap-2">
            <h3 className="name font-medium">{stage.name}</h3>
            <StatusBadge status={stage.status} />
          </div>
          <p className="tabular text-muted-foreground text-sm">
            {[stageWords(stage.type), stage.needs.length > 0 && `after ${stage.needs.join(', ')}`]
              .filter(Boolean)
              .join(' · ')}
            <Timing stage={stage} />
          </p>
          {asked.length > 0 && (
            <p className="tabular text-muted-foreground text-sm first-letter:uppercase">{asked.join(', ')}</p>
          )}
          {result && <p className="tabular mt-0.5 text-sm">{result}</p>}
        </div>
        <StageLinks stage={stage} pipeline={pipeline} />
      </div>
      {stage.status === 'running' && <Progress value={stage.progress} label={`Progress of ${stage.name}`} />}
      {stage.error && <StageError stage={stage} error={stage.error} pipeline={pipeline} />}
    </li>
  );
}

/** Which attempt it is, and how long the stage runs or ran. */
function Timing({ stage }: { stage: StageOut }) {
  const isRunning = stage.status === 'running' && stage.started_at !== null;
  const now = useNow(isRunning ? 1000 : null);
  const start = stage.started_at ? new Date(stage.started_at).getTime() : null;
  const end = stage.finished_at ? new Date(stage.finished_at).getTime() : isRunning ? now : null;
  const tookS = start !== null && end !== null ? Math.max(0, (end - start) / 1000) : null;
  const words = [
    stage.attempts > 1 && `attempt ${stage.attempts} of ${attemptsOf(stage)}`,
    tookS !== null &&
      stage.status !== 'waiting' &&
      (isRunning ? `runs for ${formatDuration(Math.round(tookS))}` : `took ${formatDuration(tookS)}`),
  ].filter(Boolean);
  return words.length > 0 ? <span> · {words.join(' · ')}</span> : null;
}

/** What the platform does where nothing is said. */
const ATTEMPTS = 3;
const attemptsOf = (stage: StageOut) => stage.retry.attempts ?? ATTEMPTS;

function StageLinks({ stage, pipeline }: { stage: StageOut; pipeline: PipelineOut }) {
  const jobId = stage.job_id ?? textOf(stage.result?.training_id) ?? textOf(stage.result?.job_id);
  const adapterId = textOf(stage.result?.adapter_id);
  const links: { href: string; label: string }[] = [];
  if (adapterId) links.push({ href: `/adapters/${adapterId}`, label: 'Open adapter' });
  if (stage.type === 'ingest')
    links.push({ href: `/datasets/${pipeline.dataset_id}`, label: 'Open dataset' });
  else if (stage.type === 'validate')
    links.push({ href: `/datasets/${pipeline.dataset_id}?tab=report`, label: 'Open report' });
  else if (jobId && !adapterId) {
    const label =
      stage.type === 'sweep' ? 'Open sweep' : stage.type === 'compare' ? 'Open winner' : 'Open job';
    links.push({ href: jobHref(stage, jobId), label });
  }
  if (links.length === 0) return null;
  return (
    <div className="flex gap-2">
      {links.map(({ href, label }) => (
        <Button asChild size="sm" key={label}>
          <Link href={href} prefetch={false}>
            {label}
            <span className="sr-only"> of {stage.name}</span> <ArrowRight aria-hidden />
          </Link>
        </Button>
      ))}
    </div>
  );
}

function StageError({ stage, error, pipeline }: { stage: StageOut; error: string; pipeline: PipelineOut }) {
  const { title, reasons } = failureOf(error);
  const isFinal = stage.status === 'failed';
  return (
    <Alert tone={isFinal ? 'danger' : 'warning'} title={title}>
      {reasons.length > 0 && (
        <ul className="list-disc pl-4">
          {reasons.map((reason) => (
            <li key={reason}>{reason}.</li>
          ))}
        </ul>
      )}
      {stage.next_attempt_at && pipeline.status === 'running' ? (
        <NextAttempt stage={stage} time={stage.next_attempt_at} />
      ) : (
        isFinal && <p className="mt-1 text-muted-foreground">{cureFor(stage)}</p>
      )}
    </Alert>
  );
}

/** "Tried again in 8 s; attempt 2 of 3", counting down. */
function NextAttempt({ stage, time }: { stage: StageOut; time: string }) {
  const now = useNow(1000);
  const leftS = Math.ceil((new Date(time).getTime() - now) / 1000);
  return (
    <p className="tabular">
      {leftS > 0 ? `Tried again in ${formatDuration(leftS)}` : 'Tried again in a moment'}: attempt{' '}
      {stage.attempts + 1} of {attemptsOf(stage)}.
    </p>
  );
}

/** What to do about a stage that has failed for good. */
function cureFor(stage: StageOut): string {
  switch (stage.type) {
    case 'compare':
      return 'The training is kept, but not exported. Start a new pipeline with more steps or data, or with other gates.';
    case 'validate':
      return 'Open the report, correct what it names, and resume. For other requirements, start a new pipeline.';
    case 'ingest':
      return 'Open the dataset to see what could not be read. When it is ready, resume.';
    default:
      return 'Open its job for the log. When the cause is gone, resume: what has succeeded stays.';
  }
}
