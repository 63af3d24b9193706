'use client';

import Link from 'next/link';
import type { ReactNode } from 'react';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { CopyButton } from '@/components/ui/copy-button';
import { Hint } from '@/components/ui/hint';
import { KeyValues } from '@/components/ui/key-values';
import { RelativeTime } from '@/components/ui/relative-time';
import { formatDuration, formatNumber, formatWords } from '@/lib/format';
import { useProjects } from '../api';
import type { Job } from '../contract';
import { DatasetName } from '../list/names';
import { configOf, fieldsOf, kindWords, needWords, numberOf, textOf } from '../model/job';

/** What a job is about: its model, data, method, place and times. */
export function Facts({ job }: { job: Job }) {
  const projects = useProjects();
  const project = projects.data?.find((one) => one.id === job.project_id);
  const result = fieldsOf(job.result);
  const code = textOf(result.code_version);
  return (
    <Card>
      <CardHeader title="About this job" />
      <CardContent>
        <KeyValues
          items={[
            ['Kind', kindWords(job.type)],
            ['Model', job.model_id ? <ModelLink key="model" id={job.model_id} /> : null],
            [
              'Dataset',
              <Link
                key="dataset"
                href={`/datasets/${job.dataset_id}`}
                prefetch={false}
                className="rounded text-primary-text hover:underline"
              >
                <DatasetName id={job.dataset_id} version={job.dataset_version} />
              </Link>,
            ],
            ['Method', methodOf(job)],
            [
              'Project',
              project ? (
                <Link
                  href={`/projects/${project.id}`}
                  prefetch={false}
                  className="name rounded text-primary-text hover:underline"
                >
                  {project.name}
                </Link>
              ) : null,
            ],
            ['Needs', needWords(job)],
            ['Priority', job.priority === 0 ? null : String(job.priority)],
            [
              'Attempts',
              job.attempt > 1 ? `${job.attempt} (a restart continues from the newest checkpoint)` : null,
            ],
            ['Created', <RelativeTime key="created" time={job.created_at} />],
            ['Started', job.started_at ? <RelativeTime key="started" time={job.started_at} /> : null],
            ['Finished', job.finished_at ? <RelativeTime key="finished" time={job.finished_at} /> : null],
            ['Run time', job.usage.wall_s > 0 ? formatDuration(job.usage.wall_s) : null],
            ['GPU hours', job.usage.gpu_hours > 0 ? formatNumber(job.usage.gpu_hours, 3) : null],
            ['Cost', job.usage.cost === null ? null : formatNumber(job.usage.cost, 3)],
            ['Budget', budgetOf(job)],
            ['Software', code ? <span className="font-mono text-xs">{code}</span> : null],
            [
              'Id',
              <span key="id" className="inline-flex items-center gap-1">
                <span className="break-all font-mono text-xs">{job.id}</span>
                <CopyButton text={job.id} label="Copy id" />
              </span>,
            ],
          ]}
        />
      </CardContent>
    </Card>
  );
}

export function ModelLink({ id }: { id: string }) {
  return (
    <Link
      href={`/models?q=${encodeURIComponent(id)}`}
      prefetch={false}
      className="name rounded text-primary-text hover:underline"
    >
      {id}
    </Link>
  );
}

const RANK =
  'Rank: how many directions of a layer the adapter may change; more can learn more and needs more memory. Alpha: how strongly the change counts.';

function methodOf(job: Job): ReactNode | null {
  const method = fieldsOf(configOf(job).method);
  const type = textOf(method.type);
  if (type === null) return null;
  const rank = numberOf(method.rank);
  const name = { qlora: 'QLoRA', lora: 'LoRA' }[type] ?? formatWords(type);
  if (rank === null) return name;
  return (
    <Hint content={RANK}>
      {name}, rank {rank}, alpha {formatNumber(numberOf(method.alpha))}
    </Hint>
  );
}

function budgetOf(job: Job): string | null {
  const wall = job.budget?.wall_s;
  const cost = job.budget?.cost;
  const limits = [
    wall ? `${formatDuration(wall)} of run time` : null,
    cost ? `a cost of ${formatNumber(cost, 3)}` : null,
  ].filter((limit) => limit !== null);
  return limits.length > 0 ? `stops after ${limits.join(' or ')}` : null;
}
