'use client';

import type { PipelineOut, StageOut } from '@less-is-more/client';
import { ArrowRight } from 'lucide-react';
import Link from 'next/link';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Progress } from '@/components/ui/progress';
import { RelativeTime } from '@/components/ui/relative-time';
import { StatusBadge } from '@/components/ui/status-badge';
import { textOf } from '@/features/jobs/model/job';
import { formatDuration } from '@/lib/format';
import { jobHref, resultWords, stageWords } from '../words';

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
  const jobId = stage.job_id ?? textOf(stage.result?.job_id);
  const adapterId = textOf(stage.result?.adapter_id);
  const result = resultWords(stage);
  const took =
    stage.started_at && stage.finished_at
      ? (new Date(stage.finished_at).getTime() - new Date(stage.started_at).getTime()) / 1000
      : null;
  const most = stage.retry.attempts ?? 1;
  return (
    <li id={id} className="grid scroll-mt-20 gap-2 px-4 py-3.5 target:bg-primary-soft">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          <div className="flex flex-wrap items-center gap-2">
            <h3 className="name font-medium">{stage.name}</h3>
            <StatusBadge status={stage.status} />
          </div>
          <p className="tabular text-muted-foreground text-sm">
            {[
              stageWords(stage.type),
              stage.needs.length > 0 && `after ${stage.needs.join(', ')}`,
              stage.attempts > 1 && `attempt ${stage.attempts} of ${most}`,
              took !== null && stage.status !== 'waiting' && `took ${formatDuration(took)}`,
            ]
              .filter(Boolean)
              .join(' · ')}
          </p>
          {result && <p className="tabular mt-0.5 text-sm">{result}</p>}
        </div>
        <div className="flex gap-2">
          {adapterId && (
            <Button asChild size="sm">
              <Link href={`/adapters/${adapterId}`} prefetch={false}>
                Open adapter <ArrowRight aria-hidden />
              </Link>
            </Button>
          )}
          {stage.type === 'ingest' && (
            <Button asChild size="sm">
              <Link href={`/datasets/${pipeline.dataset_id}`} prefetch={false}>
                Open dataset <ArrowRight aria-hidden />
              </Link>
            </Button>
          )}
          {stage.type !== 'ingest' && jobId && (
            <Button asChild size="sm">
              <Link href={jobHref(stage, jobId)} prefetch={false}>
                {stage.type === 'sweep' ? 'Open sweep' : 'Open job'} <ArrowRight aria-hidden />
              </Link>
            </Button>
          )}
        </div>
      </div>
      {stage.status === 'running' && <Progress value={stage.progress} label={`Progress of ${stage.name}`} />}
      {stage.error && (
        <Alert tone={stage.status === 'failed' ? 'danger' : 'warning'} title={stage.error}>
          {stage.next_attempt_at ? (
            <>
              It is tried again <RelativeTime time={stage.next_attempt_at} />; attempt {stage.attempts + 1} of{' '}
              {most}.
            </>
          ) : stage.status === 'failed' ? (
            cureFor(stage)
          ) : undefined}
        </Alert>
      )}
    </li>
  );
}

/** What to do about a stage that has failed for good. */
function cureFor(stage: StageOut): string {
  switch (stage.type) {
    case 'compare':
      return 'The result is kept, but not exported. Start a new pipeline with more steps or data, or with other gates.';
    case 'validate':
      return 'Open the report of the dataset, correct what it names, and start a pipeline on the new version.';
    case 'ingest':
      return 'Open the dataset to see what could not be read.';
    default:
      return 'Open its job for the log. When the cause is gone, “Resume” continues here; what has succeeded stays.';
  }
}
