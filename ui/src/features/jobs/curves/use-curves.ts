'use client';

import { useQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo } from 'react';
import { curvesQuery } from '../api';
import type { CurveSeries } from '../contract';
import { useEventsAfter } from '../live/job-live';
import { withDetail, withLive } from './points';

/** Points per curve in the overview; a zoomed section gets as many again. */
export const OVERVIEW_POINTS = 1000;
/** Live points after which the history is read again, sampled. */
const MOST_LIVE = 3000;

interface LiveCurves {
  series: CurveSeries[] | undefined;
  isLoading: boolean;
  isRefining: boolean;
  error: unknown;
  reload: () => void;
}

/** A job's curves: the sampled history, what came since, and the zoomed section in detail. */
export function useLiveCurves(
  jobId: string,
  zoom: readonly [number, number] | null = null,
  enabled = true,
): LiveCurves {
  const query = useQuery({ ...curvesQuery(jobId, OVERVIEW_POINTS), enabled });
  const isSampled = query.data?.series.some((one) => one.sampled) ?? false;
  const detail = useQuery({
    ...curvesQuery(jobId, OVERVIEW_POINTS, zoom),
    enabled: zoom !== null && isSampled,
  });
  const { refetch } = query;
  const reload = useCallback(() => void refetch(), [refetch]);
  const events = useEventsAfter('metric', query.data?.last_seq, reload);
  const isLong = events.length > MOST_LIVE;
  useEffect(() => {
    if (isLong) reload();
  }, [isLong, reload]);
  const series = useMemo(() => {
    if (!query.data) return undefined;
    const live = withLive(query.data.series, events);
    if (zoom === null || !detail.data) return live;
    const byName = new Map(detail.data.series.map((one) => [one.name, one]));
    return live.map((one) => (one.sampled ? withDetail(one, byName.get(one.name), zoom) : one));
  }, [query.data, events, zoom, detail.data]);
  return {
    series,
    isLoading: query.isPending,
    isRefining: detail.isFetching,
    error: query.error,
    reload,
  };
}
