'use client';

import { Activity, Database, HardDrive, Layers } from 'lucide-react';
import Link from 'next/link';
import { Button } from '@/components/ui/button';
import { PageHeader } from '@/components/ui/page-header';
import { formatBytes, plural } from '@/lib/format';
import { ActiveJobs } from '../active-jobs';
import { recentActivity } from '../activity';
import {
  UNFINISHED,
  useActiveJobs,
  useAdapterCount,
  useRecentDatasets,
  useRecentJobs,
  useStorage,
} from '../api';
import { FirstSteps } from '../first-steps';
import { LatestResults } from '../latest-results';
import { RecentActivity } from '../recent-activity';
import { StatCard } from '../stat-card';

const MOST_ACTIVITIES = 10;

export function OverviewScreen() {
  const active = useActiveJobs();
  const jobs = useRecentJobs();
  const datasets = useRecentDatasets();
  const adapters = useAdapterCount();
  const storage = useStorage();
  const running = active.rows.filter((job) => UNFINISHED.includes(job.status));
  const queued = running.filter((job) => job.status === 'queued').length;
  const isLoaded = !jobs.isLoading && !datasets.isLoading && !adapters.isPending;
  const hasTraining = jobs.rows.some((job) => job.type === 'training');
  const isNew = isLoaded && !jobs.error && !datasets.error && (datasets.rows.length === 0 || !hasTraining);
  const used = storage.data?.storage;
  return (
    <>
      <PageHeader
        title="Overview"
        actions={
          <Button asChild>
            <Link href="/datasets/new" prefetch={false}>
              <Database aria-hidden /> Add dataset
            </Link>
          </Button>
        }
      />
      <div className="grid gap-6">
        {isNew && (
          <FirstSteps
            hasDataset={datasets.rows.length > 0}
            hasTraining={hasTraining}
            hasAdapter={(adapters.data ?? 0) > 0}
          />
        )}
        <section aria-label="In numbers" className="grid grid-cols-2 gap-3 sm:gap-4 lg:grid-cols-4">
          <StatCard
            label="Active jobs"
            icon={Activity}
            href="/jobs"
            value={active.error ? null : active.isLoading ? undefined : running.length}
            note={queued > 0 ? `${plural(queued, 'job')} waiting` : ''}
          />
          <StatCard
            label="Datasets"
            icon={Database}
            href="/datasets"
            value={datasets.error ? null : (datasets.total ?? undefined)}
          />
          <StatCard
            label="Adapters"
            icon={Layers}
            href="/projects"
            value={adapters.error ? null : adapters.data}
          />
          <StatCard
            label="Storage"
            icon={HardDrive}
            href="/settings/profile"
            value={storage.error ? null : used?.used_bytes}
            format={formatBytes}
            note={used && used.allowed_bytes !== null ? `of ${formatBytes(used.allowed_bytes)}` : ''}
          />
        </section>
        <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
          <div className="grid gap-6">
            <ActiveJobs list={active} />
            <LatestResults jobs={jobs.rows} />
          </div>
          <RecentActivity
            items={
              jobs.isLoading || datasets.isLoading
                ? null
                : recentActivity(jobs.rows, datasets.rows, MOST_ACTIVITIES)
            }
            error={jobs.error ?? datasets.error}
            onRetry={() => {
              jobs.reload();
              datasets.reload();
            }}
          />
        </div>
      </div>
    </>
  );
}
