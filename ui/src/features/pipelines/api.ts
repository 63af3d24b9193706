'use client';

/** Reading pipelines, and what can be done to them. Live events keep what is cached current. */

import {
  createPipeline,
  deletePipeline,
  listPipelines,
  type PipelineBody,
  type PipelineOut,
  readPipeline,
  resumePipeline,
  stopPipeline,
} from '@less-is-more/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { keys } from '@/lib/query-keys';
import { useList } from '@/lib/use-list';

export interface PipelineFilters {
  q: string;
  status: string;
  project: string;
}

export const PIPELINE_STATUSES = ['running', 'stopping', 'stopped', 'succeeded', 'failed'] as const;

const PAGE = 50;

export function usePipelines(filters: PipelineFilters) {
  return useList<PipelineOut>(keys.pipelines.list({ ...filters }), ({ cursor, signal }) =>
    listPipelines({
      query: {
        limit: PAGE,
        cursor: cursor ?? null,
        q: filters.q || null,
        status: PIPELINE_STATUSES.find((status) => status === filters.status) ?? null,
        project_id: filters.project || null,
      },
      signal,
    }),
  );
}

export function usePipeline(id: string) {
  return useQuery({
    queryKey: keys.pipelines.one(id),
    queryFn: ({ signal }) => readPipeline({ path: { pipeline_id: id }, signal }),
    enabled: id !== '',
  });
}

export function usePipelineActions() {
  const queries = useQueryClient();
  const changed = (pipeline: PipelineOut) => {
    queries.setQueryData(keys.pipelines.one(pipeline.id), pipeline);
    return queries.invalidateQueries({ queryKey: keys.pipelines.lists() });
  };
  return {
    stop: async (id: string) => changed(await stopPipeline({ path: { pipeline_id: id } })),
    resume: async (id: string) => changed(await resumePipeline({ path: { pipeline_id: id } })),
    remove: async (id: string) => {
      await deletePipeline({ path: { pipeline_id: id } });
      await queries.invalidateQueries({ queryKey: keys.pipelines.lists() });
    },
  };
}

export function useCreatePipeline() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ body, key }: { body: PipelineBody; key: string }) =>
      createPipeline({ body, headers: { 'Idempotency-Key': key } }),
    onSuccess: (pipeline) => {
      queries.setQueryData(keys.pipelines.one(pipeline.id), pipeline);
      void queries.invalidateQueries({ queryKey: keys.pipelines.lists() });
    },
  });
}
