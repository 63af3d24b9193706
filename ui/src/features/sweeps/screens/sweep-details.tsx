'use client';

import type { SweepOut } from '@less-is-more/client';
import { Play, ScrollText, Square, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card, CardContent } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { PageHeader } from '@/components/ui/page-header';
import { Progress } from '@/components/ui/progress';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { useResume } from '@/features/jobs/actions/job-actions';
import { DeleteDialog, StopDialog } from '@/features/jobs/actions/lazy-dialogs';
import { hasEnded, isResumable, isStoppable, numberOf } from '@/features/jobs/model/job';
import { useRouteId } from '@/lib/route-id';
import { useSweep, useSweepsChanged } from '../api';
import { BestTrial } from '../details/best-trial';
import { SweepFacts } from '../details/facts';
import { Pareto } from '../details/pareto';
import { TrainBestDialog } from '../details/train-best-dialog';
import { TrialTable } from '../details/trial-table';
import { primaryOf, searchOf } from '../trials';

const CRUMBS = [{ label: 'Sweeps', href: '/sweeps' }];

export function SweepDetailsScreen() {
  const id = useRouteId();
  const sweep = useSweep(id);
  if (sweep.error && !sweep.data) {
    return (
      <>
        <PageHeader title="Sweep" crumbs={CRUMBS} />
        <div className="rounded-lg border bg-card">
          <ErrorState error={sweep.error} onRetry={() => void sweep.refetch()} />
        </div>
      </>
    );
  }
  if (!sweep.data) return <Loading />;
  return <Details key={id} sweep={sweep.data} />;
}

function Details({ sweep }: { sweep: SweepOut }) {
  const [asked, setAsked] = useState<'stop' | 'delete' | 'train' | null>(null);
  const [active, setActive] = useState<number | null>(null);
  const resume = useResume();
  const changed = useSweepsChanged();
  const router = useRouter();
  const primary = primaryOf(sweep);
  const close = (open: boolean) => {
    if (!open) setAsked(null);
  };
  return (
    <>
      <PageHeader
        title={sweep.name}
        crumbs={CRUMBS}
        badge={<StatusBadge status={sweep.status} />}
        actions={
          <>
            <Button asChild>
              <Link href={`/jobs/${sweep.id}?tab=logs`} prefetch={false}>
                <ScrollText aria-hidden /> Log and files
              </Link>
            </Button>
            {hasEnded(sweep.status) && (
              <Button variant="danger-ghost" onClick={() => setAsked('delete')}>
                <Trash2 aria-hidden /> Delete
              </Button>
            )}
            {isStoppable(sweep.status) && (
              <Button onClick={() => setAsked('stop')}>
                <Square aria-hidden /> Stop
              </Button>
            )}
            {isResumable(sweep.status) && (
              <Button variant="primary" onClick={() => void resume(sweep).then(changed)}>
                <Play aria-hidden /> Resume
              </Button>
            )}
          </>
        }
      />
      <div className="grid grid-cols-[minmax(0,1fr)] gap-6">
        {sweep.error && (
          <Alert tone={sweep.status === 'failed' ? 'danger' : 'warning'} title="The sweep has failed">
            {sweep.error}
          </Alert>
        )}
        {!hasEnded(sweep.status) && <SweepProgress sweep={sweep} />}
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 lg:grid-cols-[minmax(0,1fr)_21rem]">
          {primary !== null && (
            <Pareto sweep={sweep} primary={primary} active={active} onActive={setActive} />
          )}
          <div className="min-w-0 lg:col-start-2 lg:row-span-2 lg:row-start-1">
            <BestTrial sweep={sweep} onTrain={() => setAsked('train')} />
          </div>
          <SweepFacts sweep={sweep} />
        </div>
        <TrialTable sweep={sweep} primary={primary} active={active} onActive={setActive} />
      </div>
      {asked === 'stop' && <StopDialog jobs={[sweep]} open onOpenChange={close} onDone={changed} />}
      {asked === 'delete' && (
        <DeleteDialog
          jobs={[sweep]}
          open
          onOpenChange={close}
          onDone={() => {
            router.replace('/sweeps');
            changed();
          }}
        />
      )}
      {asked === 'train' && <TrainBestDialog sweep={sweep} onClose={() => setAsked(null)} />}
    </>
  );
}

function SweepProgress({ sweep }: { sweep: SweepOut }) {
  const ended = numberOf(sweep.metrics.trials_ended) ?? 0;
  const all = numberOf(sweep.metrics.trials) ?? searchOf(sweep).algorithm?.trials ?? null;
  const running = sweep.trials.filter((trial) => trial.state === 'running').length;
  return (
    <Card>
      <CardContent className="grid gap-2 pt-4" aria-live="polite">
        <p className="tabular flex flex-wrap justify-between gap-x-4 text-sm">
          <span>
            {sweep.status === 'queued'
              ? 'Waits for its turn'
              : `${ended} of ${all ?? '?'} trials done${running > 0 ? `, ${running} running` : ''}`}
          </span>
          <span className="text-muted-foreground">{Math.round(sweep.progress * 100)} %</span>
        </p>
        <Progress value={sweep.progress} label="Progress of the sweep" />
      </CardContent>
    </Card>
  );
}

function Loading() {
  return (
    <div aria-busy>
      <span className="sr-only" role="status">
        Loading the sweep
      </span>
      <Skeleton className="mb-2 h-5 w-20" />
      <Skeleton className="mb-6 h-8 w-72" />
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_21rem]">
        <Skeleton className="h-96 w-full rounded-lg" />
        <Skeleton className="h-96 w-full rounded-lg" />
      </div>
    </div>
  );
}
