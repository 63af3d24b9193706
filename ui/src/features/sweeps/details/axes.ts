/** What trials can be plotted against: what they cost, and the settings that they tried. */

import type { SweepOut, TrialResult } from '@less-is-more/client';
import { formatCompact, formatNumber } from '@/lib/format';
import { COSTS, type Cost, formatValue, searchedPaths, searchOf, shortPaths } from '../trials';
import { bytesFormat, byteUnit, logTicksOf, ticksOf } from './scale';

export interface Axis {
  id: string;
  label: string;
  /** The cost with a front; null for a setting. */
  cost: Cost | null;
  isLog: boolean;
  valueOf: (trial: TrialResult) => number | null;
  format: (value: number) => string;
  ticks: (range: readonly [number, number], count: number) => { value: number; text: string }[];
}

/** Both costs, and each setting that was searched by numbers. */
export function axesOf(sweep: SweepOut): Axis[] {
  const paths = searchedPaths(sweep);
  const short = shortPaths(paths);
  return [
    ...COSTS.map(({ value, label }) => costAxis(sweep, value, label)),
    ...paths
      .filter((path) => sweep.trials.some((trial) => typeof trial.values[path] === 'number'))
      .map((path) => settingAxis(sweep, path, short.get(path) ?? path)),
  ];
}

function costAxis(sweep: SweepOut, cost: Cost, label: string): Axis {
  const values = sweep.trials.flatMap((trial) => trial[cost] ?? []);
  return {
    id: cost,
    label,
    cost,
    isLog: false,
    valueOf: (trial) => trial[cost] ?? null,
    format: cost === 'peak_bytes' ? bytesFormat(values) : formatCompact,
    ticks: (range, count) => {
      if (cost !== 'peak_bytes') {
        return ticksOf(range, count).map((value) => ({ value, text: formatCompact(value) }));
      }
      const unit = byteUnit(range);
      return ticksOf(range, count, unit.size).map((value) => ({
        value,
        text: `${formatNumber(value / unit.size)} ${unit.name}`,
      }));
    },
  };
}

function settingAxis(sweep: SweepOut, path: string, label: string): Axis {
  const dimension = searchOf(sweep).dimensions?.[path];
  const values = sweep.trials.flatMap((trial) => {
    const value = trial.values[path];
    return typeof value === 'number' ? [value] : [];
  });
  const low = Math.min(...values);
  // Lists of rates are spaced by size too: 0.001, 0.01, 0.1.
  const isLog =
    low > 0 &&
    (dimension?.type === 'loguniform' || dimension?.log === true || Math.max(...values) / low >= 20);
  return {
    id: path,
    label,
    cost: null,
    isLog,
    valueOf: (trial) => {
      const value = trial.values[path];
      return typeof value === 'number' ? value : null;
    },
    format: formatValue,
    ticks: (range, count) =>
      (isLog ? logTicksOf : ticksOf)(range, count).map((value) => ({ value, text: formatValue(value) })),
  };
}
