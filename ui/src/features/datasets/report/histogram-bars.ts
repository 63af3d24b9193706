import type { Histogram } from '../types';

export interface Bar {
  from: number;
  to: number;
  count: number;
  /** Of the highest bar. */
  share: number;
}

/** The bars of a histogram without the empty bins at its ends. */
export function histogramBars({ edges, counts }: Histogram): Bar[] {
  const first = counts.findIndex((count) => count > 0);
  if (first < 0) return [];
  const last = counts.findLastIndex((count) => count > 0);
  const highest = Math.max(...counts);
  return counts.slice(first, last + 1).map((count, offset) => ({
    from: edges[first + offset] ?? 0,
    to: edges[first + offset + 1] ?? 0,
    count,
    share: count / highest,
  }));
}
