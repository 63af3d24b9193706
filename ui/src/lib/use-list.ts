'use client';

import {
  keepPreviousData,
  type QueryKey,
  type UseInfiniteQueryResult,
  useInfiniteQuery,
} from '@tanstack/react-query';
import { useMemo } from 'react';

const MOST_ATTEMPTS = 5;

interface Page<Row> {
  items: Row[];
  total: number;
  next_cursor: string | null;
}

/** A list that grows by pages; what DataTable shows. */
export interface List<Row> {
  rows: readonly Row[];
  /** Number on the platform, loaded or not; null while it is unknown. */
  total: number | null;
  isLoading: boolean;
  /** Shown rows belong to an earlier search while the new one runs. */
  isStale: boolean;
  error: unknown;
  hasMore: boolean;
  isLoadingMore: boolean;
  loadMore: () => void;
  reload: () => void;
}

/**
 * Read a list of the platform page by page. `read` gets the cursor and a signal:
 * `useList(keys.jobs.list(filters), ({ cursor, signal }) => listJobs({ query: { ...filters, cursor, limit: 50 }, signal }))`
 */
export function useList<Row>(
  queryKey: QueryKey,
  read: (page: { cursor: string | undefined; signal: AbortSignal }) => Promise<Page<Row>>,
  { enabled = true }: { enabled?: boolean } = {},
): List<Row> {
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => read({ cursor: pageParam, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    enabled,
  });
  const pages = query.data?.pages;
  const rows = useMemo(() => pages?.flatMap((page) => page.items) ?? [], [pages]);
  return {
    rows,
    total: pages?.at(-1)?.total ?? null,
    isLoading: query.isPending,
    isStale: query.isPlaceholderData,
    error: query.error,
    hasMore: query.hasNextPage,
    isLoadingMore: query.isFetchingNextPage,
    loadMore: () => {
      if (!query.isFetchingNextPage) void grow(query);
    },
    reload: () => void query.refetch(),
  };
}

/** Load one page more. A live event that reads the list again cancels a page that is on its way: it is asked for anew. */
async function grow<Data extends { pages: unknown[] }>(query: UseInfiniteQueryResult<Data>): Promise<void> {
  const before = query.data?.pages.length ?? 0;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const { data, error, hasNextPage } = await query.fetchNextPage({ cancelRefetch: false });
    if (error || !hasNextPage || (data?.pages.length ?? 0) > before) return;
  }
}
