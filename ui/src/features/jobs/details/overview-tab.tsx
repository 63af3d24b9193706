'use client';

import Link from 'next/link';
import { Button } from '@/components/ui/button';
import type { Job } from '../contract';
import { useLiveCurves } from '../curves/use-curves';
import { hasEnded } from '../model/job';
import { AgainstBase } from './against-base';
import { StatusBanner } from './banner';
import { Facts } from './facts';
import { Figures } from './figures';
import { Glance } from './glance';
import { Notices } from './notices';
import { ProgressCard } from './progress-card';
import { Validations } from './validations';

export function OverviewTab({ job, onResume }: { job: Job; onResume: () => void }) {
  const hasCurves = job.type === 'training' || job.type === 'selection';
  const curves = useLiveCurves(job.id, null, hasCurves);
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-[minmax(0,1fr)_20rem] xl:grid-cols-[minmax(0,1fr)_22rem]">
      <div className="grid min-w-0 content-start gap-4">
        <StatusBanner job={job} onResume={onResume} />
        {!hasEnded(job.status) && <ProgressCard job={job} />}
        {job.type === 'sweep' && (
          <Elsewhere
            href={`/sweeps/${job.id}`}
            label="Open the sweep"
            text="Its trials, the best one and the plot of cost against quality have a page of their own."
          />
        )}
        {job.type === 'ingestion' && (
          <Elsewhere
            href={`/datasets/${job.dataset_id}`}
            label="Open the dataset"
            text="What was read, what was rejected and why stands in the report of the dataset."
          />
        )}
        <Figures job={job} series={curves.series} />
        {hasCurves && <Glance job={job} series={curves.series} isLoading={curves.isLoading} />}
        <AgainstBase job={job} />
        <Validations job={job} series={curves.series} />
      </div>
      <div className="grid min-w-0 content-start gap-4">
        <Facts job={job} />
        <Notices job={job} />
      </div>
    </div>
  );
}

function Elsewhere({ href, label, text }: { href: string; label: string; text: string }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-3 rounded-lg border bg-card px-4 py-3">
      <p className="text-muted-foreground text-sm">{text}</p>
      <Button asChild size="sm">
        <Link href={href} prefetch={false}>
          {label}
        </Link>
      </Button>
    </div>
  );
}
