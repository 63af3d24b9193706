'use client';

/** Reading and changing jobs. Every key lies below `keys.jobs`, so that live events reach it. */

import {
  addVersion,
  authorizedFetch,
  changeJob,
  createAdapter,
  createEvaluation,
  deleteJob,
  type EvaluationJobBody,
  jobArtifacts,
  jobBundle,
  jobCurves,
  jobPredictions,
  jobResources,
  listAdapters,
  listDatasets,
  listJobs,
  listProjects,
  listVersions,
  problemOf,
  readDataset,
  readJob,
  readModel,
  resumeJob,
  stopJob,
  trainingSchema,
} from '@less-is-more/client';
import {
  keepPreviousData,
  queryOptions,
  useInfiniteQuery,
  useMutation,
  useQueries,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { toast } from '@/components/ui/toast';
import { keys } from '@/lib/query-keys';
import { BASE_URL, session } from '@/lib/session';
import { useList } from '@/lib/use-list';
import type { Artifact, Job, LogPage } from './contract';

export interface JobFilters {
  q: string;
  status: string;
  type: string;
  project: string;
}

type ListQuery = NonNullable<NonNullable<Parameters<typeof listJobs>[0]>['query']>;

const PAGE = 100;
/** A place in the queue moves with jobs of others, of which the stream tells nothing. */
const QUEUE_MS = 5000;
/** Names of datasets and models hardly ever change. */
const NAMES_STALE_MS = 5 * 60_000;

export function useJobs(filters: JobFilters) {
  return useList<Job>(keys.jobs.list({ ...filters }), ({ cursor, signal }) =>
    listJobs({
      query: {
        limit: PAGE,
        cursor: cursor ?? null,
        q: filters.q || null,
        status: (filters.status || null) as NonNullable<ListQuery['status']> | null,
        type: (filters.type || null) as NonNullable<ListQuery['type']> | null,
        project_id: filters.project || null,
      },
      signal,
    }),
  );
}

export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: keys.jobs.one(id),
    queryFn: async ({ signal }): Promise<Job> => readJob({ path: { job_id: id }, signal }),
    enabled: id !== '',
    refetchInterval: (query) => (query.state.data?.status === 'queued' ? QUEUE_MS : false),
  });

export const useJob = (id: string) => useQuery(jobQuery(id));

export const useJobsByIds = (ids: readonly string[]) =>
  useQueries({ queries: ids.map((id) => jobQuery(id)) });

/** Where the user's queued jobs stand, by job; read only while there is a queued one. */
export function usePlaces(enabled: boolean) {
  return useQuery({
    queryKey: [...keys.jobs.lists(), 'queue'],
    queryFn: async ({ signal }) => {
      const { items } = await listJobs({ query: { status: 'queued', limit: PAGE }, signal });
      return new Map(items.map((job) => [job.id, job.queue]));
    },
    enabled,
    refetchInterval: QUEUE_MS,
  });
}

export const curvesQuery = (id: string, points: number, range: readonly [number, number] | null = null) =>
  queryOptions({
    queryKey: keys.jobs.part(id, 'curves', { points, range }),
    queryFn: ({ signal }) =>
      jobCurves({
        path: { job_id: id },
        query: { points, ...(range && { from_step: Math.floor(range[0]), to_step: Math.ceil(range[1]) }) },
        signal,
      }),
    placeholderData: range ? keepPreviousData : undefined,
  });

export const useResources = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: keys.jobs.part(id, 'resources'),
    queryFn: ({ signal }) => jobResources({ path: { job_id: id }, query: { points: 500 }, signal }),
    enabled,
  });

export interface LogFilters {
  q: string;
  /** This level or more severe; empty: all. */
  level: string;
}

/**
 * A part of a log. `seen` is the number of the newest event of the job that was known before it was read: no line up to
 * it is missing, even if the part holds none.
 */
export const logQuery = (
  id: string,
  filters: LogFilters,
  part: { tail: number } | { offset: number; limit: number },
) =>
  queryOptions({
    queryKey: keys.jobs.part(id, 'logs', { ...filters, ...part }),
    queryFn: async ({ client, signal }): Promise<LogPage & { seen: number }> => {
      const seen = client.getQueryData<Job>(keys.jobs.one(id))?.last_seq ?? 0;
      const query = { q: filters.q || null, level: filters.level || null, ...part };
      return { ...(await get<LogPage>(`jobs/${id}/logs`, query, signal)), seen };
    },
  });

export interface PredictionFilters {
  order: 'worst' | 'best' | 'random';
  seed: number;
  q: string;
}

export const readPredictions = (
  id: string,
  filters: PredictionFilters,
  offset: number,
  limit: number,
  signal: AbortSignal,
) =>
  jobPredictions({
    path: { job_id: id },
    query: {
      order: filters.order,
      ...(filters.order === 'random' && { seed: filters.seed }),
      q: filters.q || null,
      offset,
      limit,
    },
    signal,
  });

export const usePredictions = (id: string, filters: PredictionFilters, limit: number) =>
  useInfiniteQuery({
    queryKey: keys.jobs.part(id, 'predictions', { ...filters, limit }),
    queryFn: ({ pageParam, signal }) => readPredictions(id, filters, pageParam, limit, signal),
    initialPageParam: 0,
    getNextPageParam: (page) => page.next_offset ?? undefined,
    placeholderData: keepPreviousData,
  });

export const useArtifacts = (id: string) =>
  useQuery({
    queryKey: keys.jobs.part(id, 'artifacts'),
    queryFn: async ({ signal }): Promise<Artifact[]> => {
      const all: Artifact[] = [];
      let cursor: string | null = null;
      do {
        const page: { items: Artifact[]; next_cursor: string | null } = await jobArtifacts({
          path: { job_id: id },
          query: { limit: PAGE, cursor },
          signal,
        });
        all.push(...page.items);
        cursor = page.next_cursor;
      } while (cursor !== null && all.length < 2000);
      return all;
    },
  });

/** The contents of one of a job's files. Its address carries a signature, so no login is sent to it. */
export const fileQuery = (id: string, artifact: Artifact) =>
  queryOptions({
    queryKey: keys.jobs.part(id, 'file', { name: artifact.name, sha256: artifact.sha256 }),
    queryFn: async ({ signal }) => {
      const response = await fetch(artifact.url, { signal, credentials: 'omit' });
      if (!response.ok) throw problemOf(response, await response.text());
      return response.text();
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Save all files of a finished job as one zip. */
export const useBundle = (id: string) =>
  useMutation({
    mutationFn: () => jobBundle({ path: { job_id: id } }),
    onSuccess: ({ url, name }) => saveUrl(url, name),
    onError: (error) => toast.error(error),
  });

export const useDataset = (id: string | null | undefined) =>
  useQuery({
    queryKey: keys.datasets.one(id ?? ''),
    queryFn: ({ signal }) => readDataset({ path: { dataset_id: id ?? '' }, signal }),
    enabled: Boolean(id),
    staleTime: NAMES_STALE_MS,
  });

export const useModel = (id: string | null | undefined) =>
  useQuery({
    queryKey: keys.models.one(id ?? ''),
    queryFn: ({ signal }) => readModel({ path: { model_id: id ?? '' }, signal }),
    enabled: Boolean(id),
    staleTime: NAMES_STALE_MS,
  });

export const useProjects = () =>
  useQuery({
    queryKey: keys.projects.list({ for: 'choice' }),
    queryFn: async ({ signal }) => (await listProjects({ query: { limit: PAGE }, signal })).items,
    staleTime: 60_000,
  });

export const useReadyDatasets = (q: string, enabled: boolean) =>
  useQuery({
    queryKey: keys.datasets.list({ for: 'choice', q }),
    queryFn: async ({ signal }) =>
      (await listDatasets({ query: { limit: 50, q: q || null, status: 'ready' }, signal })).items,
    enabled,
    placeholderData: keepPreviousData,
  });

export const useAdapterChoice = (q: string, enabled: boolean) =>
  useQuery({
    queryKey: keys.adapters.list({ for: 'choice', q }),
    queryFn: async ({ signal }) => (await listAdapters({ query: { limit: 50, q: q || null }, signal })).items,
    enabled,
    placeholderData: keepPreviousData,
  });

export const useTrainingSchema = (enabled: boolean) =>
  useQuery({
    queryKey: keys.schema('training'),
    queryFn: async ({ signal }) => (await trainingSchema({ signal })) as Record<string, unknown>,
    enabled,
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Other jobs that work on this one's result. */
export const useEvaluationsOf = (id: string) =>
  useQuery({
    queryKey: keys.jobs.list({ evaluationsOf: id }),
    queryFn: async ({ signal }) => {
      const { items } = await listJobs({ query: { type: 'evaluation', limit: PAGE }, signal });
      return items.filter((job) => job.needs_id === id);
    },
  });

/** Jobs to lay beside this one: the newest of its kind. */
export const useSiblings = (job: Job, q: string, enabled: boolean) =>
  useQuery({
    queryKey: keys.jobs.list({ siblingsOf: job.type, q }),
    queryFn: async ({ signal }) =>
      (
        await listJobs({
          query: { type: job.type as NonNullable<ListQuery['type']>, q: q || null, limit: 50 },
          signal,
        })
      ).items,
    enabled,
    placeholderData: keepPreviousData,
  });

export interface AdapterVersion {
  adapterId: string;
  adapterName: string;
  number: number;
  createdAt: string;
}

/** Versions of the user's adapters that were made of a job. */
export const useVersionsOf = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: keys.adapters.list({ versionsOf: id }),
    queryFn: async ({ signal }): Promise<AdapterVersion[]> => {
      const { items } = await listAdapters({ query: { limit: PAGE }, signal });
      const used = items.filter((adapter) => adapter.newest_version !== null);
      const pages = await Promise.all(
        used.map((adapter) =>
          listVersions({ path: { adapter_id: adapter.id }, query: { limit: PAGE }, signal }),
        ),
      );
      return pages.flatMap((page, index) =>
        page.items
          .filter((version) => version.job_id === id)
          .map((version) => ({
            adapterId: version.adapter_id,
            adapterName: used[index]?.name ?? '',
            number: version.number,
            createdAt: version.created_at,
          })),
      );
    },
    enabled,
  });

/** What can be done to jobs. Each change is laid over what is cached, and lists are read again. */
export function useJobActions() {
  const queries = useQueryClient();
  const changed = (job: Job) => {
    queries.setQueryData<Job>(keys.jobs.one(job.id), (before) => ({ ...before, ...job }));
    return queries.invalidateQueries({ queryKey: keys.jobs.lists() });
  };
  return {
    stop: async (id: string) => changed(await stopJob({ path: { job_id: id } })),
    resume: async (id: string) => changed(await resumeJob({ path: { job_id: id } })),
    change: async (id: string, changes: { name?: string; project_id?: string | null }) =>
      changed(await changeJob({ path: { job_id: id }, body: changes })),
    remove: async (id: string) => {
      await deleteJob({ path: { job_id: id } });
      await queries.invalidateQueries({ queryKey: keys.jobs.lists() });
    },
  };
}

export function useEvaluate(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ body, key }: { body: EvaluationJobBody; key: string }) =>
      createEvaluation({ path: { job_id: id }, body, headers: { 'Idempotency-Key': key } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.jobs.lists() }),
  });
}

export function useAddVersion(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (asked: {
      adapterId: string | null;
      name: string;
      notes: string;
      projectId: string | null;
    }) => {
      const adapterId =
        asked.adapterId ??
        (await createAdapter({ body: { name: asked.name, project_id: asked.projectId } })).id;
      return addVersion({ path: { adapter_id: adapterId }, body: { job_id: id, notes: asked.notes } });
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.adapters.all() }),
  });
}

type Query = Record<string, string | number | boolean | null | undefined>;

/** The address of something below the API. */
export function addressOf(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined) params.set(name, String(value));
  return `${BASE_URL}/api/v1/${path}${params.size > 0 ? `?${params}` : ''}`;
}

async function get<T>(path: string, query: Query, signal: AbortSignal): Promise<T> {
  const response = await authorizedFetch(session, addressOf(path, query), { signal });
  if (!response.ok) throw problemOf(response, await response.json().catch(() => null));
  return (await response.json()) as T;
}

/** A file that needs the login, saved under its name. */
export async function download(path: string, query: Query, name: string): Promise<void> {
  const response = await authorizedFetch(session, addressOf(path, query));
  if (!response.ok) throw problemOf(response, await response.json().catch(() => null));
  saveBlob(await response.blob(), name);
}

export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  saveUrl(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function saveUrl(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}
