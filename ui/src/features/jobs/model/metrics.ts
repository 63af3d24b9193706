/** How metrics are called and which direction is better: what the platform says of them. */

import type { MetricOut } from '@less-is-more/client';
import { formatNumber, formatPercent, formatWords } from '@/lib/format';
import { knownMetric } from '@/lib/registries';

/** A metric by its name; one from another release is shown as a number. */
export function metricOf(name: string): MetricOut {
  return knownMetric(name) ?? { name, title: formatWords(name), meaning: '', better: 'lower', unit: 'score' };
}

export function formatMetric(name: string, value: number | null | undefined): string {
  return metricOf(name).unit === 'share' ? formatPercent(value) : formatNumber(value);
}

/** Whether `value` is better than `other`. */
export function isBetter(name: string, value: number, other: number): boolean {
  return metricOf(name).better === 'lower' ? value < other : value > other;
}

/** Index of the best of some values; null when there are none, or all are the same. */
export function bestIndex(name: string, values: readonly (number | null | undefined)[]): number | null {
  let best: number | null = null;
  let seen = 0;
  let differs = false;
  values.forEach((value, index) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return;
    seen += 1;
    const leader = best === null ? null : values[best];
    if (leader === null || leader === undefined) best = index;
    else if (value !== leader) {
      differs = true;
      if (isBetter(name, value, leader)) best = index;
    }
  });
  return seen > 1 && differs ? best : null;
}
