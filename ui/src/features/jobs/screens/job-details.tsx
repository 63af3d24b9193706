'use client';

import dynamic from 'next/dynamic';
import { useEffect } from 'react';
import { CopyButton } from '@/components/ui/copy-button';
import { ErrorState } from '@/components/ui/error-state';
import { PageHeader } from '@/components/ui/page-header';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { Tabs, TabsContent, TabsList, TabsTrigger } from '@/components/ui/tabs';
import { formatId } from '@/lib/format';
import { useRouteId } from '@/lib/route-id';
import { useUrlState } from '@/lib/url-state';
import { useResume } from '../actions/job-actions';
import { JobMenu } from '../actions/job-menu';
import { useJob } from '../api';
import type { Job } from '../contract';
import { OverviewTab } from '../details/overview-tab';
import { JobLive } from '../live/job-live';
import { kindWords } from '../model/job';

const loading = () => <Skeleton className="h-96 w-full rounded-lg" />;
// Each tab is loaded when it is opened: the page of a job stays small.
const CurvesTab = dynamic(() => import('../curves/curves-tab').then((module) => module.CurvesTab), {
  ssr: false,
  loading,
});
const LogsTab = dynamic(() => import('../logs/logs-tab').then((module) => module.LogsTab), {
  ssr: false,
  loading,
});
const PredictionsTab = dynamic(
  () => import('../predictions/predictions-tab').then((module) => module.PredictionsTab),
  {
    ssr: false,
    loading,
  },
);
const ArtifactsTab = dynamic(
  () => import('../artifacts/artifacts-tab').then((module) => module.ArtifactsTab),
  {
    ssr: false,
    loading,
  },
);
const ConfigTab = dynamic(() => import('../config/config-tab').then((module) => module.ConfigTab), {
  ssr: false,
  loading,
});
const LineageTab = dynamic(() => import('../lineage/lineage-tab').then((module) => module.LineageTab), {
  ssr: false,
  loading,
});

const DEFAULTS = { tab: 'overview' };

interface Tab {
  id: string;
  label: string;
  kinds?: readonly string[];
}

const TABS: readonly Tab[] = [
  { id: 'overview', label: 'Overview' },
  { id: 'curves', label: 'Curves' },
  { id: 'logs', label: 'Logs' },
  { id: 'predictions', label: 'Predictions', kinds: ['training', 'evaluation'] },
  { id: 'artifacts', label: 'Files' },
  { id: 'config', label: 'Config' },
  { id: 'lineage', label: 'Lineage' },
];

export function JobDetailsScreen() {
  const id = useRouteId();
  const job = useJob(id);
  if (job.error && !job.data) {
    return (
      <>
        <PageHeader title="Job" crumbs={[{ label: 'Training jobs', href: '/jobs' }]} />
        <div className="rounded-lg border bg-card">
          <ErrorState error={job.error} onRetry={() => void job.refetch()} />
        </div>
      </>
    );
  }
  if (!job.data) return <Loading />;
  return (
    <JobLive key={id} job={job.data}>
      <Details job={job.data} />
    </JobLive>
  );
}

function Details({ job }: { job: Job }) {
  const [{ tab }, setUrl] = useUrlState(DEFAULTS);
  const resume = useResume();
  const tabs = TABS.filter(({ kinds }) => !kinds || kinds.includes(job.type));
  const current = tabs.some((one) => one.id === tab) ? tab : 'overview';
  useEffect(() => {
    document
      .querySelector(`[data-tab="${current}"]`)
      ?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [current]);
  return (
    <>
      <PageHeader
        title={job.name}
        crumbs={[{ label: 'Training jobs', href: '/jobs' }]}
        badge={<StatusBadge status={job.status} />}
        description={
          <span className="inline-flex flex-wrap items-center gap-x-2">
            {kindWords(job.type)}
            <span aria-hidden>·</span>
            <span className="inline-flex items-center font-mono text-xs">
              {formatId(job.id)}
              <CopyButton text={job.id} label="Copy the whole id" />
            </span>
          </span>
        }
        actions={<JobMenu job={job} />}
        className="mb-3"
      />
      <Tabs value={current} onValueChange={(next) => setUrl({ tab: next })}>
        <TabsList aria-label="Parts of the job">
          {tabs.map(({ id, label }) => (
            <TabsTrigger key={id} value={id} data-tab={id}>
              {label}
            </TabsTrigger>
          ))}
        </TabsList>
        <TabsContent value="overview">
          <OverviewTab job={job} onResume={() => void resume(job)} />
        </TabsContent>
        <TabsContent value="curves">
          <CurvesTab job={job} />
        </TabsContent>
        <TabsContent value="logs">
          <LogsTab job={job} />
        </TabsContent>
        <TabsContent value="predictions">
          <PredictionsTab job={job} />
        </TabsContent>
        <TabsContent value="artifacts">
          <ArtifactsTab job={job} />
        </TabsContent>
        <TabsContent value="config">
          <ConfigTab job={job} />
        </TabsContent>
        <TabsContent value="lineage">
          <LineageTab job={job} />
        </TabsContent>
      </Tabs>
    </>
  );
}

function Loading() {
  return (
    <div aria-busy>
      <span className="sr-only" role="status">
        Loading the job
      </span>
      <Skeleton className="mb-2 h-5 w-28" />
      <Skeleton className="mb-2 h-8 w-72" />
      <Skeleton className="mb-6 h-4 w-40" />
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="grid gap-4">
          <Skeleton className="h-20 w-full rounded-lg" />
          <Skeleton className="h-28 w-full rounded-lg" />
          <Skeleton className="h-64 w-full rounded-lg" />
        </div>
        <Skeleton className="h-96 w-full rounded-lg" />
      </div>
    </div>
  );
}
