'use client';

import {
  addModel,
  bodySchema,
  changeModel,
  type EstimateBody,
  estimate,
  listAdapters,
  listJobs,
  listModels,
  listVersions,
  type ModelCard,
  type ModelOut,
  type ModelPatch,
  readModel,
  retireModel,
} from '@less-is-more/client';
import { useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { keys } from '@/lib/query-keys';
import type { CardSchema, CatalogueChoices } from './choices';

const PAGE = 100;
const MINUTES_MS = 300_000;

/** The whole catalogue: it is short, and the task of a model is filtered here. */
export function useCatalogue() {
  return useQuery({
    queryKey: keys.models.list({ all: true }),
    queryFn: async ({ signal }) => {
      const models: ModelOut[] = [];
      let cursor: string | undefined;
      do {
        const page = await listModels({ query: { limit: PAGE, ...(cursor ? { cursor } : {}) }, signal });
        models.push(...page.items);
        cursor = page.next_cursor ?? undefined;
      } while (cursor);
      return models;
    },
  });
}

export function useModel(id: string) {
  return useQuery({
    queryKey: keys.models.one(id),
    queryFn: ({ signal }) => readModel({ path: { model_id: id }, signal }),
    enabled: id !== '',
  });
}

/** What a model's card may hold, from the platform's schema. */
export function useCardChoices(enabled: boolean) {
  return useQuery({
    queryKey: keys.schema('model'),
    queryFn: async ({ signal }): Promise<CatalogueChoices> => {
      const { properties } = (await bodySchema({ path: { name: 'model' }, signal })) as unknown as CardSchema;
      return { families: properties.family?.enum ?? [], tasks: properties.tasks?.items?.enum ?? [] };
    },
    enabled,
    staleTime: MINUTES_MS,
  });
}

export type MethodName = 'qlora' | 'lora' | 'full';
export const METHODS: readonly MethodName[] = ['qlora', 'lora', 'full'];

/** What training a model with each method needs on each class of devices, with the defaults for its first task. */
export function useFits(model: ModelOut | undefined) {
  return useQueries({
    queries: METHODS.map((method) => {
      const body = {
        model_id: model?.id ?? '',
        // Checked by the platform, whose schema has these tags.
        config: { task: { type: model?.tasks?.[0] }, method: { type: method } } as EstimateBody['config'],
      };
      return {
        queryKey: keys.estimate(body),
        queryFn: ({ signal }: { signal: AbortSignal }) => estimate({ body, signal }),
        enabled: model !== undefined && model.status === 'active',
        staleTime: MINUTES_MS,
      };
    }),
  });
}

const NEWEST_ADAPTERS = 20;
const NEWEST_JOBS = 100;

/** The caller's newest adapters whose newest version has its base here, and newest trainings of the model. */
export function useMadeWith(modelId: string) {
  return useQuery({
    queryKey: keys.models.part(modelId, 'made-with'),
    queryFn: async ({ signal }) => {
      const [adapters, jobs] = await Promise.all([
        listAdapters({ query: { limit: NEWEST_ADAPTERS }, signal }),
        listJobs({ query: { type: 'training', limit: NEWEST_JOBS }, signal }),
      ]);
      const trainings = jobs.items.filter((job) => job.model_id === modelId);
      const ids = new Set(trainings.map((job) => job.id));
      const versions = await Promise.all(
        adapters.items.map(async (adapter) => ({
          adapter,
          version: (await listVersions({ path: { adapter_id: adapter.id }, query: { limit: 1 }, signal }))
            .items[0],
        })),
      );
      return {
        trainings,
        adapters: versions.filter(({ version }) => version !== undefined && ids.has(version.job_id)),
      };
    },
    enabled: modelId !== '',
  });
}

export function useSaveModel() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (change: { add: ModelCard } | { id: string; patch: ModelPatch }) =>
      'add' in change
        ? addModel({ body: change.add })
        : changeModel({ path: { model_id: change.id }, body: change.patch }),
    onSuccess: (model) => {
      queries.setQueryData(keys.models.one(model.id), model);
      void queries.invalidateQueries({ queryKey: keys.models.lists() });
    },
  });
}

/** Retire or restore a model; shown at once, and undone when the platform refuses. */
export function useModelStatus() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ id, status }: { id: string; status: ModelOut['status'] }) => {
      if (status === 'retired') await retireModel({ path: { model_id: id } });
      else await changeModel({ path: { model_id: id }, body: { status } });
    },
    onSettled: (_result, _error, { id }) =>
      Promise.all([
        queries.invalidateQueries({ queryKey: keys.models.one(id) }),
        queries.invalidateQueries({ queryKey: keys.models.lists() }),
      ]),
  });
}
