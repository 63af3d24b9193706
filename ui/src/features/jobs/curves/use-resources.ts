'use client';

import { useCallback, useEffect, useMemo } from 'react';
import { useResources } from '../api';
import type { WorkerResources } from '../contract';
import { useEventsAfter } from '../live/job-live';
import { withSamples } from './live-resources';

const NONE: readonly WorkerResources[] = [];
/** Live samples after which the history is read again, sampled. */
const MOST_LIVE = 2000;

/** What each worker of a job used: the history, and what came since. */
export function useLiveResources(jobId: string, enabled: boolean) {
  const query = useResources(jobId, enabled);
  const { refetch } = query;
  const reload = useCallback(() => void refetch(), [refetch]);
  const events = useEventsAfter('metric', query.data?.last_seq, reload);
  const samples = useMemo(() => events.filter(({ event }) => event.resources !== undefined), [events]);
  const history = query.data?.workers ?? NONE;
  const { workers, isIncomplete } = useMemo(() => withSamples(history, samples), [history, samples]);
  const mustReload = query.isSuccess && (isIncomplete || samples.length > MOST_LIVE);
  useEffect(() => {
    if (mustReload) reload();
  }, [mustReload, reload]);
  return { workers, query };
}
