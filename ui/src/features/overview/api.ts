'use client';

import { type JobOut, listAdapters, listDatasets, listJobs, readUsage } from '@less-is-more/client';
import { useQuery } from '@tanstack/react-query';
import { keys } from '@/lib/query-keys';
import { useList } from '@/lib/use-list';

const RECENT = 12;
export const UNFINISHED: readonly JobOut['status'][] = ['running', 'starting', 'stopping', 'queued'];

/** The newest jobs, as a list that the event stream keeps current. */
export function useRecentJobs() {
  return useList(keys.jobs.list({ overview: 'recent' }), ({ cursor, signal }) =>
    listJobs({ query: { limit: RECENT, ...(cursor && { cursor }) }, signal }),
  );
}

/** Jobs that run or wait: few enough for one page of each status. */
export function useActiveJobs() {
  return useList(keys.jobs.list({ overview: 'active' }), async ({ signal }) => {
    const pages = await Promise.all(
      UNFINISHED.map((status) => listJobs({ query: { status, limit: RECENT }, signal })),
    );
    return {
      items: pages.flatMap((page) => page.items),
      total: pages.reduce((sum, page) => sum + page.total, 0),
      next_cursor: null,
    };
  });
}

export function useRecentDatasets() {
  return useList(keys.datasets.list({ overview: 'recent' }), ({ cursor, signal }) =>
    listDatasets({ query: { limit: RECENT, ...(cursor && { cursor }) }, signal }),
  );
}

export function useAdapterCount() {
  return useQuery({
    queryKey: keys.adapters.list({ overview: 'count' }),
    queryFn: async ({ signal }) => (await listAdapters({ query: { limit: 1 }, signal })).total,
  });
}

export function useStorage() {
  return useQuery({ queryKey: keys.usage(), queryFn: ({ signal }) => readUsage({ signal }) });
}
