'use client';

import { ProblemError } from '@less-is-more/client';
import { useQuery } from '@tanstack/react-query';
import { Activity, ArrowDown, Box, Database, FlaskConical, Package } from 'lucide-react';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { RelativeTime } from '@/components/ui/relative-time';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { jobQuery, useDataset, useEvaluationsOf, useModel, useVersionsOf } from '../api';
import type { Job } from '../contract';
import { fieldsOf, kindWords, measured, primaryOf, textOf } from '../model/job';
import { formatMetric, metricOf } from '../model/metrics';

/** Where a job comes from, and what came of it. */
export function LineageTab({ job }: { job: Job }) {
  return (
    <div className="mx-auto grid w-full max-w-3xl gap-2">
      <Level title="Made from">
        <DatasetNode job={job} />
        {job.model_id && <ModelNode id={job.model_id} />}
        {job.needs_id && <JobNode id={job.needs_id} />}
      </Level>
      <Arrow />
      <Level title="This job">
        <Node icon={<Activity aria-hidden />} kind={kindWords(job.type)} name={job.name} isHere>
          <StatusBadge status={job.status} />
          <ResultWords job={job} />
        </Node>
      </Level>
      {job.type === 'training' && <Descendants job={job} />}
      {job.type === 'ingestion' && (
        <>
          <Arrow />
          <Level title="What came of it">
            <Node
              icon={<Database aria-hidden />}
              kind="Dataset version"
              name={`Version ${job.dataset_version}`}
              href={`/datasets/${job.dataset_id}`}
            />
          </Level>
        </>
      )}
    </div>
  );
}

function Descendants({ job }: { job: Job }) {
  const evaluations = useEvaluationsOf(job.id);
  const versions = useVersionsOf(job.id, job.status === 'succeeded');
  const isLoading = evaluations.isPending || (versions.isPending && versions.fetchStatus !== 'idle');
  const isEmpty = !isLoading && !evaluations.data?.length && !versions.data?.length;
  return (
    <>
      <Arrow />
      <Level title="What came of it">
        {isLoading && <Skeleton className="h-16 w-full rounded-lg" />}
        {isEmpty && (
          <p className="rounded-lg border border-dashed px-4 py-5 text-center text-muted-foreground text-sm">
            {job.status === 'succeeded'
              ? 'Nothing yet. Make an adapter version of the result, or evaluate it on another dataset.'
              : 'Nothing yet: evaluations and adapter versions are made from a result.'}
          </p>
        )}
        {versions.data?.map((version) => (
          <Node
            key={`${version.adapterId}-${version.number}`}
            icon={<Package aria-hidden />}
            kind="Adapter version"
            name={`${version.adapterName}, version ${version.number}`}
            href={`/adapters/${version.adapterId}`}
          >
            <RelativeTime time={version.createdAt} className="text-muted-foreground text-xs" />
          </Node>
        ))}
        {evaluations.data?.map((evaluation) => (
          <Node
            key={evaluation.id}
            icon={<FlaskConical aria-hidden />}
            kind="Evaluation"
            name={evaluation.name}
            href={`/jobs/${evaluation.id}`}
          >
            <StatusBadge status={evaluation.status} />
            <ResultWords job={evaluation} />
          </Node>
        ))}
      </Level>
    </>
  );
}

function DatasetNode({ job }: { job: Job }) {
  const dataset = useDataset(job.dataset_id);
  const isGone = dataset.error instanceof ProblemError && dataset.error.status === 404;
  const split = textOf(fieldsOf(fieldsOf(job.spec).measurement).split);
  return (
    <Node
      icon={<Database aria-hidden />}
      kind="Dataset"
      name={isGone ? 'A dataset that was deleted' : (dataset.data?.name ?? '…')}
      {...(isGone ? {} : { href: `/datasets/${job.dataset_id}` })}
    >
      <span className="text-muted-foreground text-xs">
        version {job.dataset_version}
        {split && `, ${split} examples`}
      </span>
    </Node>
  );
}

function ModelNode({ id }: { id: string }) {
  const model = useModel(id);
  const revision = textOf(fieldsOf(model.data).revision);
  return (
    <Node icon={<Box aria-hidden />} kind="Base model" name={id} href={`/models?q=${encodeURIComponent(id)}`}>
      {revision && (
        <span className="name font-mono text-muted-foreground text-xs">revision {revision.slice(0, 12)}</span>
      )}
    </Node>
  );
}

function JobNode({ id }: { id: string }) {
  const job = useQuery(jobQuery(id));
  return (
    <Node
      icon={<Activity aria-hidden />}
      kind={job.data ? kindWords(job.data.type) : 'Job'}
      name={job.data?.name ?? (job.error ? 'A job that was deleted' : '…')}
      {...(job.error ? {} : { href: `/jobs/${id}` })}
    >
      {job.data && <StatusBadge status={job.data.status} />}
    </Node>
  );
}

function ResultWords({ job }: { job: Job }) {
  const primary = primaryOf(job);
  const value = primary === null ? undefined : measured(job).tuned[primary];
  if (primary === null || value === undefined) return null;
  return (
    <span className="tabular text-muted-foreground text-xs">
      {metricOf(primary).title} {formatMetric(primary, value)}
    </span>
  );
}

function Level({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <h2 className="mb-2 text-muted-foreground text-xs">{title}</h2>
      <div className="grid gap-2">{children}</div>
    </section>
  );
}

function Arrow() {
  return <ArrowDown className="mx-auto size-4 text-muted-foreground" aria-hidden />;
}

interface NodeProps {
  icon: ReactNode;
  kind: string;
  name: string;
  href?: string;
  isHere?: boolean;
  children?: ReactNode;
}

function Node({ icon, kind, name, href, isHere = false, children }: NodeProps) {
  return (
    <div
      className={`relative flex flex-wrap items-center gap-x-3 gap-y-1 rounded-lg border bg-card px-4 py-3 ${
        isHere ? 'border-primary bg-primary-soft' : href ? 'transition-shadow hover:shadow-lift' : ''
      }`}
    >
      <span className="text-muted-foreground [&_svg]:size-4.5">{icon}</span>
      <span className="min-w-0 flex-1 basis-48">
        <span className="block text-2xs text-muted-foreground">{kind}</span>
        {href ? (
          <Link
            href={href}
            prefetch={false}
            className="name font-medium text-sm after:absolute after:inset-0 after:rounded-lg"
          >
            {name}
          </Link>
        ) : (
          <span className="name font-medium text-sm">{name}</span>
        )}
      </span>
      {children}
    </div>
  );
}
