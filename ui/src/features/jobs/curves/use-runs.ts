'use client';

import { useQueries } from '@tanstack/react-query';
import { useMemo } from 'react';
import { curvesQuery, jobQuery } from '../api';
import type { Run } from './charts';
import { withDetail } from './points';
import { OVERVIEW_POINTS } from './use-curves';

/** The curves of some runs, sampled; the zoomed section in detail. Runs that are not loaded yet have no curves. */
export function useRuns(ids: readonly string[], zoom: readonly [number, number] | null): Run[] {
  const jobs = useQueries({ queries: ids.map((id) => jobQuery(id)) });
  const curves = useQueries({ queries: ids.map((id) => curvesQuery(id, OVERVIEW_POINTS)) });
  const details = useQueries({
    queries: ids.map((id) => ({ ...curvesQuery(id, OVERVIEW_POINTS, zoom), enabled: zoom !== null })),
  });
  const parts = ids.map((id, index) => ({
    id,
    label: jobs[index]?.data?.name ?? id.slice(0, 8),
    series: curves[index]?.data?.series ?? [],
    isLoading: curves[index]?.isPending ?? false,
    detail: zoom === null ? undefined : details[index]?.data?.series,
  }));
  // biome-ignore lint/correctness/useExhaustiveDependencies: the answers are what the runs are made of; their wrappers are new each time
  return useMemo(
    () =>
      parts.map(({ id, label, series, detail, isLoading }) => ({
        id,
        label,
        isLoading,
        series:
          detail && zoom
            ? series.map((one) =>
                one.sampled
                  ? withDetail(
                      one,
                      detail.find((other) => other.name === one.name),
                      zoom,
                    )
                  : one,
              )
            : series,
      })),
    [
      zoom,
      ...parts.flatMap(({ id, label, series, detail, isLoading }) => [id, label, series, detail, isLoading]),
    ],
  );
}
