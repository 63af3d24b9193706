/** Joining the points of a curve: a sampled history, what came live since, and a section in full detail. */

import type { JobEvent } from '@/lib/live/protocol';
import type { CurveSeries } from '../contract';
import { fieldsOf, numberOf } from '../model/job';

/** Figures of a metric event that are no curve of their own. */
const NOT_CURVES = new Set(['seq', 'step', 'total_steps', 'progress', 'examples', 'wall_s', 'trial']);

interface Point {
  name: string;
  step: number;
  value: number;
  timeS: number;
}

/** The points in one live event, under the names that the platform's curves have. */
export function pointsOf(event: JobEvent['event']): Point[] {
  const step = numberOf(event.step);
  if (step === null) return [];
  const timeS = new Date(event.time).getTime() / 1000;
  if (typeof event.split === 'string') {
    if (event.split === 'test') return [];
    return Object.entries(fieldsOf(event.metrics)).flatMap(([name, value]) => {
      const number = numberOf(value);
      return number === null ? [] : [{ name: `${event.split}/${name}`, step, value: number, timeS }];
    });
  }
  return Object.entries(event).flatMap(([name, value]) => {
    const number = numberOf(value);
    return number === null || NOT_CURVES.has(name) ? [] : [{ name, step, value: number, timeS }];
  });
}

/** A history with live events behind it. Points that are not behind the last one are dropped: they are known. */
export function withLive(history: readonly CurveSeries[], events: readonly JobEvent[]): CurveSeries[] {
  if (events.length === 0) return [...history];
  const byName = new Map(history.map((series) => [series.name, series]));
  const grown = new Map<string, CurveSeries>();
  for (const { event } of events) {
    for (const { name, step, value, timeS } of pointsOf(event)) {
      let series = grown.get(name);
      if (!series) {
        const before = byName.get(name) ?? emptySeries(name);
        series = {
          ...before,
          steps: [...before.steps],
          values: [...before.values],
          times: [...before.times],
        };
        grown.set(name, series);
      }
      if (step <= (series.steps.at(-1) ?? Number.NEGATIVE_INFINITY)) continue;
      series.steps.push(step);
      series.values.push(value);
      series.times.push(timeS);
      series.total += 1;
    }
  }
  const known = history.map((series) => grown.get(series.name) ?? series);
  const added = [...grown.values()].filter((series) => !byName.has(series.name));
  return [...known, ...added];
}

function emptySeries(name: string): CurveSeries {
  return {
    name,
    title: '',
    unit: null,
    x: 'step',
    total: 0,
    sampled: false,
    steps: [],
    values: [],
    times: [],
  };
}

/** A series whose section between two steps is replaced by the one that was read in detail. */
export function withDetail(
  series: CurveSeries,
  detail: CurveSeries | undefined,
  [from, to]: readonly [number, number],
): CurveSeries {
  if (!detail || detail.steps.length === 0) return series;
  const before = series.steps.findIndex((step) => step >= from);
  const first = before < 0 ? series.steps.length : before;
  const behind = series.steps.findIndex((step) => step > to);
  const rest = behind < 0 ? series.steps.length : behind;
  const joined = <T>(all: readonly T[], middle: readonly T[]): T[] => [
    ...all.slice(0, first),
    ...middle,
    ...all.slice(rest),
  ];
  return {
    ...series,
    steps: joined(series.steps, detail.steps),
    values: joined(series.values, detail.values),
    times: joined(series.times, detail.times),
  };
}

export interface Extreme {
  value: number;
  step: number;
}

/** The last value of a series, and its best one. */
export function lastAndBest(
  series: CurveSeries,
  better: 'lower' | 'higher',
): { last: Extreme; best: Extreme } | null {
  let best: Extreme | null = null;
  let last: Extreme | null = null;
  series.values.forEach((value, index) => {
    const step = series.steps[index];
    if (value === null || step === undefined) return;
    last = { value, step };
    if (best === null || (better === 'lower' ? value < best.value : value > best.value))
      best = { value, step };
  });
  return last && best ? { last, best } : null;
}
