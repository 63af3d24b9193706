import type { JobEvent } from '@/lib/live/protocol';
import type { ResourceSeries, WorkerResources } from '../contract';
import { numberOf, textOf } from '../model/job';

/** The workers' use with what came live behind it. */
export function withLiveResources(
  workers: readonly WorkerResources[],
  events: readonly JobEvent[],
): WorkerResources[] {
  if (events.length === 0) return [...workers];
  const grown = workers.map((worker) => ({ ...worker, series: [...worker.series] }));
  for (const { event } of events) {
    const number = numberOf(event.worker);
    if (number === null) continue;
    const host = textOf(event.host) ?? '';
    const attempt = numberOf(event.attempt);
    let worker = grown.findLast(
      (one) => one.worker === number && one.host === host && (attempt === null || one.attempt === attempt),
    );
    if (!worker) {
      worker = { worker: number, host, attempt: attempt ?? 1, gpu: textOf(event.gpu), series: [] };
      grown.push(worker);
    }
    const timeS = new Date(event.time).getTime() / 1000;
    for (const [name, value] of Object.entries(event)) {
      const measured = numberOf(value);
      if (measured === null || !/_(cores|bytes|percent)$/.test(name)) continue;
      add(worker.series, name, timeS, measured);
    }
  }
  return grown;
}

function add(all: ResourceSeries[], name: string, timeS: number, value: number): void {
  const place = all.findIndex((one) => one.name === name);
  const before = all[place] ?? {
    name,
    title: name,
    unit: null,
    total: 0,
    sampled: false,
    times: [],
    values: [],
  };
  if (timeS <= (before.times.at(-1) ?? 0)) return;
  const after = {
    ...before,
    total: before.total + 1,
    times: [...before.times, timeS],
    values: [...before.values, value],
  };
  if (place < 0) all.push(after);
  else all[place] = after;
}
