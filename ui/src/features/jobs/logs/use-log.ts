'use client';

import { useQueries, useQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo } from 'react';
import { type LogFilters, logQuery } from '../api';
import type { Job, LogLine } from '../contract';
import { useEventsAfter } from '../live/job-live';
import { BLOCK, blocksOf, lineOf, matches } from './lines';

/** Newest lines that are read first, in one request. */
const TAIL = 500;
/** Live lines after which the end is read again. */
const MOST_LIVE = 4000;

export interface Log {
  /** Number of lines that match, live ones included. */
  count: number;
  /** A line by its place; undefined while it loads. */
  line: (index: number) => LogLine | undefined;
  isLoading: boolean;
  isStale: boolean;
  error: unknown;
  reload: () => void;
}

/**
 * The log of a job as one long list: its end is read first, other parts when they come into view, and what is written
 * meanwhile is added behind.
 */
export function useLog(job: Job, filters: LogFilters, view: { first: number; last: number }): Log {
  const tail = useQuery({
    ...logQuery(job.id, filters, { tail: TAIL }),
    placeholderData: (before) => before,
  });
  const total = tail.data?.total ?? 0;
  const end = tail.data?.items ?? NONE;
  const endAt = total - end.length;
  const { refetch } = tail;
  const reload = useCallback(() => void refetch(), [refetch]);
  // Lines behind the newest of the end are live. Without any line, everything is.
  const lastSeq = tail.data ? (end.at(-1)?.seq ?? 0) : undefined;
  const after = lastSeq === undefined ? undefined : Math.max(lastSeq, tail.data?.seen ?? 0);
  const events = useEventsAfter('log', after, reload);
  const live = useMemo(
    () => events.map(lineOf).filter((line) => matches(line, filters.q, filters.level)),
    [events, filters.q, filters.level],
  );
  const isLong = events.length > MOST_LIVE;
  useEffect(() => {
    if (isLong) reload();
  }, [isLong, reload]);

  const wanted = view.first < endAt ? blocksOf(view.first, Math.min(view.last, endAt - 1)) : [];
  const blocks = useQueries({
    queries: wanted.map((block) => ({
      ...logQuery(job.id, filters, { offset: block * BLOCK, limit: BLOCK }),
      // The lines before the end never change.
      staleTime: Number.POSITIVE_INFINITY,
    })),
  });
  const line = (index: number): LogLine | undefined => {
    if (index >= total) return live[index - total];
    if (index >= endAt) return end[index - endAt];
    const block = Math.floor(index / BLOCK);
    return blocks[wanted.indexOf(block)]?.data?.items[index - block * BLOCK];
  };
  return {
    count: total + live.length,
    line,
    isLoading: tail.isPending,
    isStale: tail.isPlaceholderData,
    error: tail.error,
    reload,
  };
}

const NONE: readonly LogLine[] = [];
