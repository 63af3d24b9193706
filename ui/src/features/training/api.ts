'use client';

import {
  type CreateJobData,
  createJob,
  type EstimateBody,
  estimate,
  listDatasets,
  listDatasetVersions,
  listJobs,
  listNodes,
  listProjects,
  ProblemError,
  readDataset,
  readJob,
  type TrainingPresetsData,
  trainingPresets,
  trainingSchema,
} from '@less-is-more/client';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { keys } from '@/lib/query-keys';
import { useList } from '@/lib/use-list';
import { formOf } from './schema-form/node';
import type { Schema } from './schema-form/schema';

type PresetTask = NonNullable<TrainingPresetsData['query']>['task'];

/** What the task's unit of cost is called; every task of today counts seconds of audio. */
const UNITS = { cost: 's of audio' };
/** The platform's schema does not change while it runs. */
const HOUR_MS = 3_600_000;

/** The form of a training config, from the platform's own schema. */
export function useTrainingForm() {
  return useQuery({
    queryKey: keys.schema('training'),
    queryFn: async ({ signal }) => formOf((await trainingSchema({ signal })) as Schema, UNITS),
    staleTime: HOUR_MS,
    // The tree is compared by identity everywhere.
    structuralSharing: false,
  });
}

export function usePresets(task: string | null) {
  return useQuery({
    queryKey: [...keys.schema('presets'), task],
    queryFn: ({ signal }) => trainingPresets({ query: { task: task as PresetTask }, signal }),
    enabled: task !== null,
    staleTime: HOUR_MS,
  });
}

export function useDatasetChoices(q: string) {
  return useList(keys.datasets.list({ q, wizard: true }), ({ cursor, signal }) =>
    listDatasets({ query: { ...(q ? { q } : {}), ...(cursor ? { cursor } : {}), limit: 20 }, signal }),
  );
}

export function useDataset(id: string) {
  return useQuery({
    queryKey: keys.datasets.one(id),
    queryFn: ({ signal }) => readDataset({ path: { dataset_id: id }, signal }),
    enabled: id !== '',
  });
}

export function useReadyVersions(id: string) {
  return useQuery({
    queryKey: keys.datasets.part(id, 'versions', { status: 'ready' }),
    queryFn: ({ signal }) =>
      listDatasetVersions({ path: { dataset_id: id }, query: { status: 'ready', limit: 50 }, signal }),
    enabled: id !== '',
  });
}

export function useStartJob(id: string) {
  return useQuery({
    queryKey: keys.jobs.one(id),
    queryFn: ({ signal }) => readJob({ path: { job_id: id }, signal }),
    enabled: id !== '',
  });
}

/** Trainings to start from, newest first. */
export function useTrainings(q: string, enabled: boolean) {
  return useQuery({
    queryKey: keys.jobs.list({ q, type: 'training', wizard: true }),
    queryFn: ({ signal }) =>
      listJobs({ query: { type: 'training', ...(q ? { q } : {}), limit: 20 }, signal }),
    placeholderData: keepPreviousData,
    enabled,
  });
}

export function useProjects() {
  return useQuery({
    queryKey: keys.projects.list({ wizard: true }),
    queryFn: ({ signal }) => listProjects({ query: { limit: 100 }, signal }),
  });
}

export function useNodes() {
  return useQuery({
    queryKey: keys.nodes.list({ wizard: true }),
    queryFn: ({ signal }) => listNodes({ query: { limit: 100 }, signal }),
  });
}

/** The estimate of a run; the earlier one stays while a new one is computed. */
export function useEstimate(body: EstimateBody | null) {
  return useQuery({
    queryKey: keys.estimate(body),
    queryFn: ({ signal }) => {
      if (body === null) throw new Error('useEstimate is disabled without a body');
      return estimate({ body, signal });
    },
    enabled: body !== null,
    placeholderData: keepPreviousData,
    retry: (failures, error) => !(error instanceof ProblemError && error.status < 500) && failures < 2,
  });
}

export function useLaunch() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ body, key }: { body: CreateJobData['body']; key: string }) =>
      createJob({ body, headers: { 'Idempotency-Key': key } }),
    onSuccess: (job) => {
      queries.setQueryData(keys.jobs.one(job.id), job);
      void queries.invalidateQueries({ queryKey: keys.jobs.lists() });
    },
  });
}
