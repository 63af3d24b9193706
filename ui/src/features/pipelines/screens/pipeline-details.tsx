'use client';

import type { PipelineOut } from '@less-is-more/client';
import { Play, Square, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { KeyValues } from '@/components/ui/key-values';
import { PageHeader } from '@/components/ui/page-header';
import { Progress } from '@/components/ui/progress';
import { RelativeTime } from '@/components/ui/relative-time';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { DatasetName } from '@/features/jobs/list/names';
import { useRouteId } from '@/lib/route-id';
import { usePipeline } from '../api';
import { StageGraph } from '../details/graph';
import { StageList } from '../details/stage-list';
import { DeletePipelineDialog, StopPipelineDialog, useResumePipeline } from '../dialogs';
import { failureOf, progressTone, progressWords } from '../words';

const CRUMBS = [{ label: 'Pipelines', href: '/pipelines' }];
const idOf = (name: string) => `stage-${encodeURIComponent(name)}`;

export function PipelineDetailsScreen() {
  const id = useRouteId();
  const pipeline = usePipeline(id);
  if (pipeline.error && !pipeline.data) {
    return (
      <>
        <PageHeader title="Pipeline" crumbs={CRUMBS} />
        <div className="rounded-lg border bg-card">
          <ErrorState error={pipeline.error} onRetry={() => void pipeline.refetch()} />
        </div>
      </>
    );
  }
  if (!pipeline.data) {
    return (
      <div aria-busy>
        <span className="sr-only" role="status">
          Loading the pipeline
        </span>
        <Skeleton className="mb-2 h-5 w-24" />
        <Skeleton className="mb-6 h-8 w-72" />
        <Skeleton className="mb-4 h-28 w-full rounded-lg" />
        <Skeleton className="h-80 w-full rounded-lg" />
      </div>
    );
  }
  return <Details key={id} pipeline={pipeline.data} />;
}

function Details({ pipeline }: { pipeline: PipelineOut }) {
  const [asked, setAsked] = useState<'stop' | 'delete' | null>(null);
  const resume = useResumePipeline();
  const router = useRouter();
  const close = () => setAsked(null);
  const isOver = pipeline.finished_at !== null;
  const failed =
    pipeline.status === 'failed' ? pipeline.stages.filter((stage) => stage.status === 'failed') : [];
  return (
    <>
      <PageHeader
        title={pipeline.name}
        crumbs={CRUMBS}
        badge={<StatusBadge status={pipeline.status} />}
        actions={
          <>
            {isOver && (
              <Button variant="danger-ghost" onClick={() => setAsked('delete')}>
                <Trash2 aria-hidden /> Delete
              </Button>
            )}
            {pipeline.status === 'running' && (
              <Button onClick={() => setAsked('stop')}>
                <Square aria-hidden /> Stop
              </Button>
            )}
            {(pipeline.status === 'failed' || pipeline.status === 'stopped') && (
              <Button variant="primary" onClick={() => void resume(pipeline)}>
                <Play aria-hidden /> Resume
              </Button>
            )}
          </>
        }
      />
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
        {failed.map((stage) => (
          <Alert
            key={stage.name}
            tone="danger"
            title={`It failed at ${stage.name}`}
            actions={
              <Button asChild size="sm">
                <a href={`#${idOf(stage.name)}`}>
                  Why<span className="sr-only"> {stage.name} failed</span>
                </a>
              </Button>
            }
          >
            {failureOf(stage.error ?? '').title}
          </Alert>
        ))}
        <Card>
          <CardContent className="grid gap-2 border-b pt-4" aria-live="polite">
            <p className="tabular flex flex-wrap justify-between gap-x-4 text-sm">
              <span>{progressWords(pipeline)}</span>
              <span className="text-muted-foreground">{Math.round(pipeline.progress * 100)} %</span>
            </p>
            <Progress
              value={pipeline.progress}
              label="Progress of the pipeline"
              tone={progressTone(pipeline.status)}
            />
          </CardContent>
          <StageGraph stages={pipeline.stages} idOf={idOf} />
        </Card>
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
          <Card>
            <CardHeader
              title="Stages"
              description="A stage begins when all that it waits for have succeeded."
              className="border-b"
            />
            <StageList pipeline={pipeline} idOf={idOf} />
          </Card>
          <Card>
            <CardHeader title="Works on" />
            <CardContent>
              <KeyValues
                items={[
                  [
                    'Dataset',
                    <Link
                      key="dataset"
                      href={`/datasets/${pipeline.dataset_id}`}
                      prefetch={false}
                      className="text-primary-text hover:underline"
                    >
                      <DatasetName
                        id={pipeline.dataset_id}
                        {...(pipeline.dataset_version !== null ? { version: pipeline.dataset_version } : {})}
                      />
                    </Link>,
                  ],
                  [
                    'Model',
                    <Link
                      key="model"
                      href={`/models/${pipeline.model_id}`}
                      prefetch={false}
                      className="text-primary-text hover:underline"
                    >
                      {pipeline.model_id}
                    </Link>,
                  ],
                  [
                    'Project',
                    pipeline.project_id && (
                      <Link
                        href={`/projects/${pipeline.project_id}?tab=pipelines`}
                        prefetch={false}
                        className="text-primary-text hover:underline"
                      >
                        Open project
                      </Link>
                    ),
                  ],
                  ['Started', <RelativeTime key="created" time={pipeline.created_at} />],
                  [
                    'Ended',
                    pipeline.finished_at && <RelativeTime key="finished" time={pipeline.finished_at} />,
                  ],
                ]}
              />
            </CardContent>
          </Card>
        </div>
      </div>
      {asked === 'stop' && <StopPipelineDialog pipeline={pipeline} onClose={close} />}
      {asked === 'delete' && (
        <DeletePipelineDialog
          pipeline={pipeline}
          onClose={close}
          onDone={() => router.replace('/pipelines')}
        />
      )}
    </>
  );
}
