'use client';

import { LineChart } from '@/components/charts/line-chart';
import type { Series } from '@/components/charts/series';
import { Card } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { Skeleton } from '@/components/ui/skeleton';
import { formatBytes, formatNumber, plural } from '@/lib/format';
import type { Job, WorkerResources } from '../contract';
import { hasEnded } from '../model/job';
import { formatBytesFine } from './charts';
import { useLiveResources } from './use-resources';

interface Group {
  id: string;
  title: string;
  names: readonly string[];
  format: (value: number) => string;
}

const percent = (value: number) => `${formatNumber(value, 3)} %`;
const GROUPS: readonly Group[] = [
  {
    id: 'cpu',
    title: 'Processor',
    names: ['cpu_cores'],
    format: (value) => `${formatNumber(value, 3)} cores`,
  },
  { id: 'memory', title: 'Memory of the worker', names: ['rss_bytes'], format: formatBytesFine },
  { id: 'gpu', title: 'GPU', names: ['gpu_percent'], format: percent },
  {
    id: 'gpu-memory',
    title: 'GPU memory',
    names: ['gpu_process_bytes', 'gpu_memory_bytes'],
    format: formatBytesFine,
  },
  { id: 'host-cpu', title: 'Processor of the machine', names: ['host_cpu_percent'], format: percent },
  {
    id: 'host-memory',
    title: 'Memory of the machine',
    names: ['host_memory_bytes'],
    format: formatBytesFine,
  },
];

/** What each worker used of its machine, over time. */
export function ResourceUse({ job }: { job: Job }) {
  const { workers, query } = useLiveResources(job.id, job.status !== 'queued' || job.attempt > 0);
  if (query.isPending && query.fetchStatus !== 'idle') return <Skeleton className="h-52 w-full" />;
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  const groups = GROUPS.filter((group) => linesOf(group, workers).length > 0);
  if (groups.length === 0) {
    return (
      <p className="rounded-lg border border-dashed px-4 py-8 text-center text-muted-foreground text-sm">
        {hasEnded(job.status)
          ? 'Resource use was not recorded: the job was too short, or ran before this was measured.'
          : 'Figures come every few seconds while the job runs.'}
      </p>
    );
  }
  return (
    <div className="grid gap-4 lg:grid-cols-2 2xl:grid-cols-3">
      {groups.map((group) => (
        <Card key={group.id} className="min-w-0 p-4">
          <h3 className="font-medium text-sm">{group.title}</h3>
          <p className="mb-2 text-muted-foreground text-xs">{limitWords(group, workers)}</p>
          <LineChart
            label={`${group.title} over time`}
            series={linesOf(group, workers)}
            xLabel="Time"
            xFormat={clock}
            yFormat={group.format}
            syncKey={`${job.id}-resources`}
            heightPx={160}
          />
        </Card>
      ))}
    </div>
  );
}

function linesOf(group: Group, workers: readonly WorkerResources[]): Series[] {
  return workers.flatMap((worker, place) =>
    group.names.flatMap((name, index) => {
      const one = worker.series.find((series) => series.name === name);
      if (!one || one.times.length === 0) return [];
      const who = workers.length > 1 ? `Worker ${worker.worker} on ${worker.host}` : worker.host;
      return [
        {
          name: `${worker.worker}:${worker.host}:${name}`,
          label: group.names.length > 1 ? `${who}, ${one.title}` : who,
          x: one.times,
          y: one.values,
          color: `--chart-${(place % 8) + 1}`,
          ...(index > 0 ? { isDashed: true } : {}),
        },
      ];
    }),
  );
}

function limitWords(group: Group, workers: readonly WorkerResources[]): string {
  const limits = workers[0]?.limits;
  const gpu = workers[0]?.gpu;
  if (group.id === 'cpu' && limits?.host_cores)
    return `of ${plural(limits.host_cores, 'core')} of the machine`;
  if (group.id.endsWith('memory') && group.id !== 'gpu-memory' && limits?.host_memory_total_bytes)
    return `of ${formatBytes(limits.host_memory_total_bytes)} of the machine`;
  if (group.id === 'gpu-memory' && limits?.gpu_memory_total_bytes)
    return `of ${formatBytes(limits.gpu_memory_total_bytes)}`;
  return group.id === 'gpu' && gpu ? gpu : '';
}

function clock(unixS: number): string {
  return new Date(unixS * 1000).toLocaleTimeString('en-GB', { timeStyle: 'medium' });
}
