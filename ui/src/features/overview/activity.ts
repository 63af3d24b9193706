import type { DatasetOut, JobOut } from '@less-is-more/client';

export interface Activity {
  id: string;
  kind: 'job' | 'dataset';
  name: string;
  href: string;
  /** "Training", "Dataset" */
  type: string;
  status: string;
  time: string;
}

type Job = Pick<JobOut, 'id' | 'name' | 'type' | 'status' | 'updated_at'>;
type Dataset = Pick<DatasetOut, 'id' | 'name' | 'status' | 'updated_at'>;

/** What moved last, newest first. Ingestions are left out: their datasets are there. */
export function recentActivity(jobs: readonly Job[], datasets: readonly Dataset[], most: number): Activity[] {
  const ofJobs = jobs
    .filter((job) => job.type !== 'ingestion')
    .map((job) => ({
      id: job.id,
      kind: 'job' as const,
      name: job.name,
      href: job.type === 'sweep' ? `/sweeps/${job.id}` : `/jobs/${job.id}`,
      type: job.type.charAt(0).toUpperCase() + job.type.slice(1),
      status: job.status,
      time: job.updated_at,
    }));
  const ofDatasets = datasets.map((dataset) => ({
    id: dataset.id,
    kind: 'dataset' as const,
    name: dataset.name,
    href: `/datasets/${dataset.id}`,
    type: 'Dataset',
    status: dataset.status,
    time: dataset.updated_at,
  }));
  return [...ofJobs, ...ofDatasets].sort((a, b) => b.time.localeCompare(a.time)).slice(0, most);
}
