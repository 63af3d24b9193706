import type { JobOut } from '@less-is-more/client';

export interface Gain {
  metric: string;
  before: number;
  after: number;
}

/** The primary metric of a finished training before and after; null if it was not measured. */
export function gainOf(job: Pick<JobOut, 'result'>): Gain | null {
  const result = job.result;
  const metric = result?.primary;
  if (typeof metric !== 'string') return null;
  const before = metricOf(result?.base, metric);
  const after = metricOf(result?.tuned, metric);
  return before === null || after === null ? null : { metric, before, after };
}

function metricOf(side: unknown, metric: string): number | null {
  if (typeof side !== 'object' || side === null) return null;
  const value = (side as Record<string, unknown>)[metric];
  return typeof value === 'number' ? value : null;
}
