import { type Column, NameCell } from '@/components/data-table';
import { RelativeTime } from '@/components/ui/relative-time';
import { StatusBadge } from '@/components/ui/status-badge';
import { formatDuration, formatOrdinal } from '@/lib/format';
import type { Job, Place } from '../contract';
import { kindWords, measured, primaryOf, timeLeftS } from '../model/job';
import { formatMetric, metricOf } from '../model/metrics';
import { DatasetName } from './names';
import { ProgressCell, TimeLeft } from './progress-cell';

function resultOf(job: Job): { name: string; value: number } | null {
  const name = primaryOf(job);
  if (name === null) return null;
  const { tuned, validation } = measured(job);
  const value = tuned[name] ?? validation[name];
  return value === undefined ? null : { name, value };
}

export function columnsOf(places: ReadonlyMap<string, Place | null | undefined> | undefined): Column<Job>[] {
  return [
    {
      id: 'name',
      header: 'Name',
      isTitle: true,
      cell: (job) => <NameCell name={job.name} id={job.id} />,
      sortValue: (job) => job.name,
    },
    {
      id: 'status',
      header: 'Status',
      cell: (job) => <StatusCell job={job} place={places?.get(job.id) ?? job.queue} />,
      sortValue: (job) => job.status,
    },
    {
      id: 'progress',
      header: 'Progress',
      cell: (job) => <ProgressCell job={job} />,
      sortValue: (job) => job.progress,
      width: '11rem',
    },
    {
      id: 'left',
      header: 'Time left',
      align: 'end',
      cell: (job) => <TimeLeft job={job} />,
      sortValue: (job) => timeLeftS(job, Date.now()),
    },
    {
      id: 'result',
      header: 'Result',
      align: 'end',
      cell: (job) => {
        const result = resultOf(job);
        if (!result) return <span className="text-muted-foreground">–</span>;
        return (
          <span className="tabular whitespace-nowrap">
            <span className="mr-1.5 text-muted-foreground text-xs">{metricOf(result.name).title}</span>
            {formatMetric(result.name, result.value)}
          </span>
        );
      },
      sortValue: (job) => resultOf(job)?.value,
    },
    {
      id: 'kind',
      header: 'Kind',
      cell: (job) => <span className="whitespace-nowrap">{kindWords(job.type)}</span>,
      sortValue: (job) => kindWords(job.type),
    },
    {
      id: 'model',
      header: 'Model',
      cell: (job) => (
        <span className="block max-w-40 truncate" title={job.model_id ?? undefined}>
          {job.model_id ?? '–'}
        </span>
      ),
      sortValue: (job) => job.model_id,
    },
    {
      id: 'dataset',
      header: 'Dataset',
      cell: (job) => <DatasetName id={job.dataset_id} version={job.dataset_version} />,
    },
    {
      id: 'created',
      header: 'Created',
      cell: (job) => (
        <RelativeTime time={job.created_at} className="whitespace-nowrap text-muted-foreground" />
      ),
      sortValue: (job) => job.created_at,
    },
    {
      id: 'duration',
      header: 'Run time',
      align: 'end',
      isHidden: true,
      cell: (job) => <span className="whitespace-nowrap">{formatDuration(job.usage?.wall_s)}</span>,
      sortValue: (job) => job.usage?.wall_s,
    },
  ];
}

function StatusCell({ job, place }: { job: Job; place: Place | null | undefined }) {
  return (
    <div className="-my-1 min-w-0 max-md:text-right">
      <StatusBadge status={job.status} />
      {job.status === 'queued' && place && (
        <p className="line-clamp-2 min-w-44 max-w-60 text-2xs text-muted-foreground" title={place.text}>
          {place.position !== null && (
            <span className="font-medium text-foreground">
              {formatOrdinal(place.position)} in the queue.{' '}
            </span>
          )}
          {place.text}
        </p>
      )}
      {job.status === 'failed' && job.error && (
        <p className="name line-clamp-1 max-w-60 text-2xs text-danger-text" title={job.error}>
          {job.error}
        </p>
      )}
    </div>
  );
}
