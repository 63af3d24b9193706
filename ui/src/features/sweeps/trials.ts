/** What the trials of a sweep say, in words and in order. */

import type { SweepOut, TrialResult } from '@less-is-more/client';
import { isBetter } from '@/features/jobs/model/metrics';
import { formatNumber, formatPercent } from '@/lib/format';

export type Cost = 'peak_bytes' | 'trainable_parameters';

export const COSTS: readonly { value: Cost; label: string; noun: string; front: string }[] = [
  { value: 'peak_bytes', label: 'Peak memory', noun: 'memory', front: 'Memory front' },
  {
    value: 'trainable_parameters',
    label: 'Trainable parameters',
    noun: 'trained parameters',
    front: 'Parameter front',
  },
];

type Judged = Pick<SweepOut, 'trials' | 'front'>;

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

/** Costs that differ by less are the same: a process never peaks twice at the same byte. */
const SAME_SHARE = 0.01;

/** How a trial stands against the others in quality and one cost. */
export type Standing =
  | { kind: 'front' }
  /** As good as one on the front, and its cost differs by less than a measurement does. */
  | { kind: 'level'; other: number }
  | { kind: 'beaten'; other: number; isBetter: boolean; share: number }
  /** Did not train to its end: it might have become better. */
  | { kind: 'unfinished' };

/** Null while quality or cost are not measured. */
export function standingOf(trial: TrialResult, cost: Cost, sweep: Judged, primary: string): Standing | null {
  const front = sweep.front[cost] ?? [];
  const own = measuredOf(trial, cost);
  if (own === null) return null;
  if (front.includes(trial.number)) return { kind: 'front' };
  if (trial.state !== 'finished') return { kind: 'unfinished' };
  const rivals = sweep.trials.flatMap((other) => {
    const its = front.includes(other.number) ? measuredOf(other, cost) : null;
    if (its === null || isBetter(primary, own.value, its.value)) return [];
    return [{ number: other.number, ...its }];
  });
  const level = rivals.find(
    (rival) => rival.value === own.value && Math.abs(own.cost - rival.cost) <= SAME_SHARE * own.cost,
  );
  if (level) return { kind: 'level', other: level.number };
  // The front is sorted by cost: the last rival that costs no more is the best of them.
  const [rival] = rivals
    .filter((each) => each.cost <= own.cost)
    .sort((a, b) => (a.value === b.value ? a.cost - b.cost : isBetter(primary, a.value, b.value) ? -1 : 1));
  if (!rival) return { kind: 'unfinished' };
  return {
    kind: 'beaten',
    other: rival.number,
    isBetter: isBetter(primary, rival.value, own.value),
    share: 1 - rival.cost / own.cost,
  };
}

function measuredOf(trial: TrialResult, cost: Cost): { value: number; cost: number } | null {
  const price = trial[cost];
  return typeof trial.value === 'number' && typeof price === 'number'
    ? { value: trial.value, cost: price }
    : null;
}

/** "Trial 2 is as good with 12.0 % less memory." */
export function standingWords(standing: Standing, cost: Cost, state: TrialResult['state']): string {
  const noun = COSTS.find((each) => each.value === cost)?.noun ?? '';
  switch (standing.kind) {
    case 'front':
      return 'On the front: no other trial beats it in both.';
    case 'level':
      return `Level with trial ${standing.other}: as good, and ${noun} within 1 %.`;
    case 'beaten': {
      const quality = standing.isBetter ? 'is better' : 'is as good';
      return standing.share < 0.0005
        ? `Trial ${standing.other} ${quality} with the same ${noun}.`
        : `Trial ${standing.other} ${quality} with ${formatPercent(standing.share)} less ${noun}.`;
    }
    case 'unfinished':
      return state === 'running' ? 'Still trains.' : 'Did not train to its end.';
  }
}

/** The costs on whose front a trial is. */
export function frontsOf(trial: number, sweep: Pick<SweepOut, 'front'>): Cost[] {
  return COSTS.map(({ value }) => value).filter((cost) => sweep.front[cost]?.includes(trial));
}

/** The paths that were searched, in the order of the search. */
export function searchedPaths(sweep: Pick<SweepOut, 'spec' | 'trials'>): string[] {
  const tried = sweep.trials.flatMap((trial) => Object.keys(trial.values));
  return [...new Set([...Object.keys(searchOf(sweep).dimensions ?? {}), ...tried])];
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
  // 1e-4 of a list is no measured 1.00e-4.
  if (typeof value === 'number') return formatNumber(value).replace(/\.?0+e/, 'e');
  if (typeof value === 'string') return value;
  return JSON.stringify(value);
}

interface Search {
  dimensions?: Record<string, { type?: string; log?: boolean }>;
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

/** All trials as a CSV file: a row for each, best first. */
export function csvOf(sweep: SweepOut, primary: string | null): string {
  const paths = searchedPaths(sweep);
  const metrics = [...new Set(sweep.trials.flatMap((trial) => Object.keys(trial.metrics ?? {})))].sort();
  const header = ['trial', 'state', ...paths, ...metrics, 'validation_loss'];
  const rows = ranked(sweep.trials, primary).map((trial) => [
    trial.number,
    trial.state,
    ...paths.map((path) => trial.values[path]),
    ...metrics.map((name) => trial.metrics?.[name]),
    trial.validation_loss,
    trial.peak_bytes,
    trial.trainable_parameters,
    trial.seconds,
    trial.step,
    trial.error,
  ]);
  return [[...header, 'peak_bytes', 'trainable_parameters', 'seconds', 'step', 'error'], ...rows]
    .map((row) => `${row.map(cellOf).join(',')}\r\n`)
    .join('');
}

function cellOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // A spreadsheet would take these as formulas; numbers may begin with a minus.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
