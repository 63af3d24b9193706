/** What the pages of datasets ask of the platform, and how answers are cached. */

import {
  bodySchema,
  changeDataset,
  completeDataset,
  createDataset,
  type DatasetBody,
  type DatasetItemOut,
  type DatasetOut,
  type DatasetPatch,
  type DatasetVersionDetailOut,
  type DatasetVersionOut,
  datasetReport,
  deleteDataset,
  deleteDatasetVersion,
  listDatasetItems,
  listDatasets,
  listDatasetVersions,
  listJobs,
  listProjects,
  type RevisionBody,
  readDataset,
  readDatasetVersion,
  readJob,
  readUsage,
  renewUploads,
  resumeJob,
  reviseDataset,
  type UploadOut,
} from '@less-is-more/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useLive } from '@/lib/live/live-provider';
import { keys } from '@/lib/query-keys';
import { useList } from '@/lib/use-list';
import type { DatasetRow, Report, Split } from './types';

// ---- lists ----------------------------------------------------------------------------------------------

export interface DatasetFilters {
  q: string;
  status: string;
  project: string;
}

export function useDatasets({ q, status, project }: DatasetFilters) {
  const query = {
    ...(q ? { q } : {}),
    ...(status ? { status: status as DatasetOut['status'] } : {}),
    ...(project ? { project_id: project } : {}),
  };
  return useList<DatasetRow>(keys.datasets.list(query), ({ cursor, signal }) =>
    listDatasets({ query: { ...query, limit: 100, ...(cursor ? { cursor } : {}) }, signal }),
  );
}

/** The caller's projects, for choices and for names. */
export function useProjects() {
  return useQuery({
    queryKey: keys.projects.list({ for: 'choice' }),
    queryFn: async ({ signal }) => (await listProjects({ query: { limit: 100 }, signal })).items,
    staleTime: 60_000,
  });
}

/** Bytes of the account's storage that are free. */
export function useFreeBytes(): number | null {
  const { data } = useQuery({ queryKey: keys.usage(), queryFn: ({ signal }) => readUsage({ signal }) });
  if (!data || data.storage.allowed_bytes === null) return null;
  return data.storage.allowed_bytes - data.storage.used_bytes;
}

// ---- one dataset ----------------------------------------------------------------------------------------

/** `isGone`: it is being deleted, and must not be asked for again. */
export function useDataset(id: string, isGone: boolean) {
  const queries = useQueryClient();
  const query = useQuery<DatasetRow>({
    queryKey: keys.datasets.one(id),
    queryFn: ({ signal }) => readDataset({ path: { dataset_id: id }, signal }),
    enabled: id !== '' && !isGone,
  });
  // A further version comes and goes while the dataset stays ready: its job and its number tell.
  const mark = `${query.data?.status} ${query.data?.version} ${query.data?.job_id}`;
  useLive('dataset', id, ({ dataset }) => {
    if (!dataset || !query.data) return;
    const now = `${dataset.status} ${dataset.version} ${dataset.job_id}`;
    const isOver = dataset.progress === 1 || dataset.status === 'ready' || dataset.status === 'error';
    if (now !== mark || isOver) void queries.invalidateQueries({ queryKey: keys.datasets.one(id) });
  });
  return query;
}

/** The job that makes a version, kept current by live events: its phase and its progress. */
export function useIngestion(jobId: string | null, isActive: boolean) {
  return useQuery({
    queryKey: keys.jobs.one(jobId ?? ''),
    queryFn: ({ signal }) => readJob({ path: { job_id: jobId ?? '' }, signal }),
    enabled: jobId !== null && isActive,
  });
}

export function useReport(id: string, version: number | null, enabled: boolean) {
  return useQuery({
    queryKey: keys.datasets.part(id, 'report', { version }),
    queryFn: async ({ signal }) =>
      (await datasetReport({
        path: { dataset_id: id },
        query: version === null ? {} : { version },
        signal,
      })) as unknown as Report,
    enabled,
    staleTime: 10 * 60_000,
  });
}

export function useVersions(id: string, enabled = true) {
  return useQuery({
    queryKey: keys.datasets.part(id, 'versions'),
    queryFn: async ({ signal }): Promise<DatasetVersionOut[]> =>
      (await listDatasetVersions({ path: { dataset_id: id }, query: { limit: 100 }, signal })).items,
    enabled: enabled && id !== '',
  });
}

export function useVersion(id: string, number: number | null) {
  return useQuery({
    queryKey: keys.datasets.part(id, 'version', { number }),
    queryFn: ({ signal }): Promise<DatasetVersionDetailOut> =>
      readDatasetVersion({ path: { dataset_id: id, number: number ?? 0 }, signal }),
    enabled: number !== null,
  });
}

/** The newest jobs that were trained on or use a dataset. */
export function useUsers(datasetId: string, enabled: boolean) {
  return useQuery({
    queryKey: keys.jobs.list({ usesDataset: datasetId, for: 'confirmation' }),
    queryFn: async ({ signal }) =>
      (await listJobs({ query: { limit: 100 }, signal })).items.filter(
        (job) => job.dataset_id === datasetId && job.type !== 'ingestion',
      ),
    enabled,
  });
}

// ---- items ----------------------------------------------------------------------------------------------

export interface ItemFilters {
  q: string;
  status: string;
  finding: string;
  split: string;
  group: string;
}

export function useItems(id: string, version: number, filters: ItemFilters) {
  const { q, status, finding, split, group } = filters;
  const query = {
    ...(q ? { q } : {}),
    ...(status ? { status: status as DatasetItemOut['status'] } : {}),
    ...(finding ? { finding } : {}),
    ...(split ? { split: split as Split } : {}),
    ...(group ? { speaker: group } : {}),
  };
  return useList<DatasetItemOut>(
    keys.datasets.part(id, 'items', { version, ...query }),
    ({ cursor, signal }) =>
      listDatasetItems({
        path: { dataset_id: id, number: version },
        query: { ...query, limit: 100, ...(cursor ? { cursor } : {}) },
        signal,
      }),
  );
}

// ---- changes --------------------------------------------------------------------------------------------

export function useChangeDataset(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: DatasetPatch) => changeDataset({ path: { dataset_id: id }, body }),
    onSuccess: (changed) => {
      queries.setQueryData<DatasetRow>(keys.datasets.one(id), (before) => ({ ...before, ...changed }));
      void queries.invalidateQueries({ queryKey: keys.datasets.lists() });
    },
  });
}

export function useDeleteDataset() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => deleteDataset({ path: { dataset_id: id } }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: keys.datasets.lists() });
      void queries.invalidateQueries({ queryKey: keys.usage() });
    },
  });
}

export function useRevise(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: RevisionBody) => reviseDataset({ path: { dataset_id: id }, body }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: keys.datasets.one(id) }),
  });
}

export function useDeleteVersion(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (number: number) => deleteDatasetVersion({ path: { dataset_id: id, number } }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: keys.datasets.one(id) });
      void queries.invalidateQueries({ queryKey: keys.usage() });
    },
  });
}

/** Process the newest version again after a failure that was not the recordings' fault. */
export function useProcessAgain(dataset: DatasetRow) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      if (dataset.source.type === 'upload') await completeDataset({ path: { dataset_id: dataset.id } });
      else if (dataset.job_id !== null) await resumeJob({ path: { job_id: dataset.job_id } });
    },
    onSuccess: () => void queries.invalidateQueries({ queryKey: keys.datasets.all() }),
  });
}

// ---- adding ---------------------------------------------------------------------------------------------

export function addDataset(body: DatasetBody) {
  return createDataset({ body });
}

/** Fresh upload addresses of a dataset, and what the platform has of its files. */
export async function freshAddresses(datasetId: string): Promise<UploadOut[]> {
  return (await renewUploads({ path: { dataset_id: datasetId } })).uploads;
}

export function completeUpload(datasetId: string) {
  return completeDataset({ path: { dataset_id: datasetId } });
}

/** The JSON Schema of a new dataset: limits, thresholds and defaults of its options. */
export function useDatasetSchema(enabled: boolean) {
  return useQuery({
    queryKey: keys.schema('dataset'),
    queryFn: async ({ signal }) =>
      (await bodySchema({ path: { name: 'dataset' }, signal })) as unknown as JsonSchema,
    staleTime: Number.POSITIVE_INFINITY,
    enabled,
  });
}

export interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  $defs?: Record<string, JsonSchema>;
  $ref?: string;
  allOf?: JsonSchema[];
  anyOf?: JsonSchema[];
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  'x-unit'?: string;
  'x-level'?: string;
  'x-group'?: string;
}
