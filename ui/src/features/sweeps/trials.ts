/** What the trials of a sweep say, in words and in order. */

import type { SweepOut, TrialResult } from '@less-is-more/client';
import { isBetter } from '@/features/jobs/model/metrics';
import { formatNumber } from '@/lib/format';

export type Cost = 'peak_bytes' | 'trainable_parameters';

export const COSTS: readonly { value: Cost; label: string; short: string }[] = [
  { value: 'peak_bytes', label: 'Peak memory', short: 'memory' },
  { value: 'trainable_parameters', label: 'Trainable parameters', short: 'parameters' },
];

/** The metric by which trials are compared; null before the first validation. */
export function primaryOf(sweep: Pick<SweepOut, 'trials' | 'best' | 'metrics'>): string | null {
  const said = sweep.metrics.primary;
  if (typeof said === 'string') return said;
  return sweep.best?.primary ?? sweep.trials.find((trial) => trial.primary)?.primary ?? null;
}

/** The trials, best first; those without a value yet follow by number. */
export function ranked(trials: readonly TrialResult[], primary: string | null): TrialResult[] {
  return [...trials].sort((a, b) => {
    const one = a.value ?? null;
    const other = b.value ?? null;
    if (one === null || other === null || primary === null)
      return Number(one === null) - Number(other === null) || a.number - b.number;
    if (one !== other) return isBetter(primary, one, other) ? -1 : 1;
    return (
      (a.validation_loss ?? Number.POSITIVE_INFINITY) - (b.validation_loss ?? Number.POSITIVE_INFINITY) ||
      a.number - b.number
    );
  });
}

/** The paths that were searched, in the order of the search. */
export function searchedPaths(sweep: Pick<SweepOut, 'spec' | 'trials'>): string[] {
  const search = sweep.spec.search as { dimensions?: Record<string, unknown> } | undefined;
  const told = Object.keys(search?.dimensions ?? {});
  const tried = sweep.trials.flatMap((trial) => Object.keys(trial.values));
  return [...new Set([...told, ...tried])];
}

/**
 * The shortest ends of dotted paths that still tell them apart: `learning_rate` of `optimizer.learning_rate`,
 * `weights.fusion` beside another `fusion`.
 */
export function shortPaths(paths: readonly string[]): Map<string, string> {
  const endOf = (path: string, length: number) => path.split('.').slice(-length).join('.');
  return new Map(
    paths.map((path) => {
      const parts = path.split('.').length;
      let length = 1;
      while (
        length < parts &&
        paths.some((other) => other !== path && endOf(other, length) === endOf(path, length))
      )
        length += 1;
      return [path, endOf(path, length)];
    }),
  );
}

export function formatValue(value: unknown): string {
  if (value === undefined || value === null) return '–';
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value === 'string') return value;
  return JSON.stringify(value);
}

interface Search {
  algorithm?: { type?: string; trials?: number };
  scheduler?: { type?: string; reduction_factor?: number; grace_validations?: number };
  seed?: number;
}

export function searchOf(sweep: Pick<SweepOut, 'spec'>): Search {
  return (sweep.spec.search ?? {}) as Search;
}

const ALGORITHMS: Record<string, string> = {
  optuna: 'Optuna: learns from earlier trials',
  random: 'Random',
  grid: 'Grid: every combination',
};

export function algorithmWords(type: string | undefined): string {
  return ALGORITHMS[type ?? 'optuna'] ?? type ?? '';
}
