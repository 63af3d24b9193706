'use client';

/** Reading sweeps, and what can be done to them. Every key lies below `keys.sweeps`, so that live events reach it. */

import {
  type BestTrainingBody,
  createSweep,
  listSweeps,
  readSweep,
  type SweepBody,
  type SweepOut,
  selectionSchema,
  trainBest,
} from '@less-is-more/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import type { Job } from '@/features/jobs/contract';
import { partsOf } from '@/features/training/schema-form/describe';
import { formOf } from '@/features/training/schema-form/node';
import type { Schema } from '@/features/training/schema-form/schema';
import { useLive } from '@/lib/live/live-provider';
import { keys } from '@/lib/query-keys';
import { useList } from '@/lib/use-list';

export interface SweepFilters {
  q: string;
  status: string;
  project: string;
}

type Status = NonNullable<NonNullable<NonNullable<Parameters<typeof listSweeps>[0]>['query']>['status']>;

const PAGE = 50;
/** Trials report several times a second; the page reads them at most this often. */
const TRIALS_EVERY_MS = 1500;

export function useSweeps(filters: SweepFilters) {
  return useList<Job>(keys.sweeps.list({ ...filters }), ({ cursor, signal }) =>
    listSweeps({
      query: {
        limit: PAGE,
        cursor: cursor ?? null,
        q: filters.q || null,
        status: (filters.status || null) as Status | null,
        project_id: filters.project || null,
      },
      signal,
    }),
  );
}

/** One sweep with its trials, read again when it says that something has happened. */
export function useSweep(id: string) {
  const queries = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
      timer.current = null;
    },
    [],
  );
  // The event holds the state of the job, not its trials.
  useLive('sweep', id, () => {
    timer.current ??= setTimeout(() => {
      timer.current = null;
      void queries.invalidateQueries({ queryKey: keys.sweeps.one(id) });
    }, TRIALS_EVERY_MS);
  });
  return useQuery({
    queryKey: keys.sweeps.one(id),
    queryFn: ({ signal }): Promise<SweepOut> => readSweep({ path: { sweep_id: id }, signal }),
    enabled: id !== '',
  });
}

/** Reads all sweeps again, after one was stopped, resumed or deleted as a job. */
export function useSweepsChanged(): () => void {
  const queries = useQueryClient();
  return () => void queries.invalidateQueries({ queryKey: keys.sweeps.all() });
}

export function useTrainBest(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ body, key }: { body: BestTrainingBody; key: string }) =>
      trainBest({ path: { sweep_id: id }, body, headers: { 'Idempotency-Key': key } }),
    onSuccess: (job) => {
      queries.setQueryData(keys.jobs.one(job.id), job);
      void queries.invalidateQueries({ queryKey: keys.jobs.lists() });
    },
  });
}

export function useCreateSweep() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ body, key }: { body: SweepBody; key: string }) =>
      createSweep({ body, headers: { 'Idempotency-Key': key } }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: keys.sweeps.lists() });
      void queries.invalidateQueries({ queryKey: keys.jobs.lists() });
    },
  });
}

/** The platform's schema does not change while it runs. */
const HOUR_MS = 3_600_000;

/** The ways to choose recordings, from the platform's own schema. */
export function useSelectionMethods() {
  return useQuery({
    queryKey: keys.schema('selection'),
    queryFn: async ({ signal }) => {
      const { root } = formOf((await selectionSchema({ signal })) as Schema);
      const field =
        root.shape.kind === 'object' ? root.shape.fields.find(({ name }) => name === 'method') : undefined;
      if (field?.shape.kind !== 'union') return [];
      return field.shape.branches.map(({ value, title, description }) => ({
        value,
        label: title,
        description: partsOf(description).lead,
      }));
    },
    staleTime: HOUR_MS,
  });
}
