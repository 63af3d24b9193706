import type { JobEvent } from '@/lib/live/protocol';
import type { ResourceSeries, WorkerResources } from '../contract';
import { fieldsOf, numberOf, textOf } from '../model/job';

/** The workers' use with what came live behind it: metric events that hold a sample as `resources`. */
export function withLiveResources(
  workers: readonly WorkerResources[],
  events: readonly JobEvent[],
): WorkerResources[] {
  if (events.length === 0) return [...workers];
  const grown = workers.map((worker) => ({ ...worker, series: [...worker.series] }));
  for (const { event } of events) {
    const sample = fieldsOf(event.resources);
    const number = numberOf(sample.worker);
    if (number === null) continue;
    const host = textOf(sample.host) ?? '';
    let worker = grown.find((one) => one.worker === number && one.host === host);
    if (!worker) {
      worker = { worker: number, host, gpu: textOf(sample.gpu), limits: {}, series: [] };
      grown.push(worker);
    }
    const timeS = new Date(event.time).getTime() / 1000;
    for (const [name, value] of Object.entries(sample)) {
      const measured = numberOf(value);
      // Sizes of the machine come with each sample; they are limits, no curves.
      if (measured === null || !/_(cores|bytes|percent)$/.test(name) || /_total_|^host_cores$/.test(name))
        continue;
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
    unit: '',
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
