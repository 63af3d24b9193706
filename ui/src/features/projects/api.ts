'use client';

/** Reading and changing projects, adapters and their versions. */

import {
  type AdapterBody,
  type AdapterPatch,
  addVersion,
  changeAdapter,
  changeProject,
  compareVersions,
  createAdapter,
  createProject,
  deleteAdapter,
  deleteProject,
  jobArtifacts,
  listAdapters,
  listDatasets,
  listJobs,
  listProjects,
  listVersions,
  type ProjectBody,
  type ProjectPatch,
  readAdapter,
  readProject,
  type VersionBody,
} from '@less-is-more/client';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { keys } from '@/lib/query-keys';
import { useList } from '@/lib/use-list';
import { codeOf } from './adapter/usage';

const PAGE = 50;
/** Path of the card in an adapter's folder; it holds the code that loads it. */
const CARD = 'adapter/README.md';

export function useProjectList(q: string) {
  return useList(keys.projects.list({ q }), ({ cursor, signal }) =>
    listProjects({ query: { limit: PAGE, q: q || null, cursor: cursor ?? null }, signal }),
  );
}

export function useProject(id: string) {
  return useQuery({
    queryKey: keys.projects.one(id),
    queryFn: ({ signal }) => readProject({ path: { project_id: id }, signal }),
    enabled: id !== '',
  });
}

/** All projects, as a choice. */
export function useProjectChoice() {
  return useQuery({
    queryKey: keys.projects.list({ for: 'choice' }),
    queryFn: async ({ signal }) => (await listProjects({ query: { limit: 100 }, signal })).items,
    staleTime: 60_000,
  });
}

export function useSaveProject(id: string | null) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: ProjectBody & ProjectPatch) =>
      id === null ? createProject({ body }) : changeProject({ path: { project_id: id }, body }),
    onSuccess: (project) => {
      queries.setQueryData(keys.projects.one(project.id), project);
      return queries.invalidateQueries({ queryKey: keys.projects.lists() });
    },
  });
}

/** Deletes a project. What was in it stays, so everything that names it is read again. */
export function useDeleteProject() {
  const queries = useQueryClient();
  return async (id: string) => {
    await deleteProject({ path: { project_id: id } });
    for (const resource of [
      keys.projects,
      keys.datasets,
      keys.jobs,
      keys.adapters,
      keys.pipelines,
      keys.sweeps,
    ])
      void queries.invalidateQueries({ queryKey: resource.lists() });
  };
}

export function useAdapterList(filters: { q: string; project: string }) {
  return useList(keys.adapters.list(filters), ({ cursor, signal }) =>
    listAdapters({
      query: {
        limit: PAGE,
        q: filters.q || null,
        project_id: filters.project || null,
        cursor: cursor ?? null,
      },
      signal,
    }),
  );
}

export function useAdapter(id: string) {
  return useQuery({
    queryKey: keys.adapters.one(id),
    queryFn: ({ signal }) => readAdapter({ path: { adapter_id: id }, signal }),
    enabled: id !== '',
  });
}

export function useSaveAdapter(id: string | null) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: AdapterBody & AdapterPatch) =>
      id === null ? createAdapter({ body }) : changeAdapter({ path: { adapter_id: id }, body }),
    onSuccess: (adapter) => {
      queries.setQueryData(keys.adapters.one(adapter.id), adapter);
      return queries.invalidateQueries({ queryKey: keys.adapters.lists() });
    },
  });
}

export function useDeleteAdapter() {
  const queries = useQueryClient();
  return async (id: string) => {
    await deleteAdapter({ path: { adapter_id: id } });
    await queries.invalidateQueries({ queryKey: keys.adapters.lists() });
  };
}

export function useVersions(id: string) {
  return useList(keys.adapters.part(id, 'versions'), ({ cursor, signal }) =>
    listVersions({ path: { adapter_id: id }, query: { limit: PAGE, cursor: cursor ?? null }, signal }),
  );
}

export function useAddVersion(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: VersionBody) => addVersion({ path: { adapter_id: id }, body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.adapters.all() }),
  });
}

export function useComparison(id: string, a: number, b: number) {
  return useQuery({
    queryKey: keys.adapters.part(id, 'compare', { a, b }),
    queryFn: ({ signal }) => compareVersions({ path: { adapter_id: id }, query: { a, b }, signal }),
    // Versions never change.
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** The code that loads a version, from its own card; null where the card has none. */
export function useCode(jobId: string) {
  return useQuery({
    queryKey: keys.jobs.part(jobId, 'card-code'),
    queryFn: async ({ signal }) => {
      const { items } = await jobArtifacts({ path: { job_id: jobId }, query: { limit: 100 }, signal });
      const card = items.find((file) => file.name === CARD);
      if (!card) return null;
      // The address carries a signature: no login is sent to it.
      const response = await fetch(card.url, { signal, credentials: 'omit' });
      return response.ok ? codeOf(await response.text()) : null;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Trainings that have succeeded: what a version can be made of. */
export function useSucceededTrainings(q: string) {
  return useQuery({
    queryKey: keys.jobs.list({ for: 'versions', q }),
    queryFn: async ({ signal }) =>
      (
        await listJobs({
          query: { type: 'training', status: 'succeeded', q: q || null, limit: 50 },
          signal,
        })
      ).items,
    placeholderData: keepPreviousData,
  });
}

export function useProjectJobs(project: string) {
  return useList(keys.jobs.list({ project }), ({ cursor, signal }) =>
    listJobs({ query: { limit: PAGE, project_id: project, cursor: cursor ?? null }, signal }),
  );
}

export function useProjectDatasets(project: string) {
  return useList(keys.datasets.list({ project }), ({ cursor, signal }) =>
    listDatasets({ query: { limit: PAGE, project_id: project, cursor: cursor ?? null }, signal }),
  );
}
