/** Joining the use of resources: the sampled history, and the samples that came live since. */

import type { JobEvent } from '@/lib/live/protocol';
import type { WorkerResources } from '../contract';
import { fieldsOf, numberOf, textOf } from '../model/job';

export interface LiveResources {
  workers: WorkerResources[];
  /** A worker or a figure came that the history does not have: it is to be read again. */
  isIncomplete: boolean;
}

/** A history with live samples behind it. Samples that are not behind the last one are dropped: they are known. */
export function withSamples(history: readonly WorkerResources[], events: readonly JobEvent[]): LiveResources {
  const workers = [...history];
  const places = new Map(history.map((worker, index) => [keyOf(worker.worker, worker.host), index]));
  const grown = new Set<number>();
  let isIncomplete = false;
  for (const { event } of events) {
    const sample = fieldsOf(event.resources);
    const number = numberOf(sample.worker);
    if (number === null) continue;
    const place = places.get(keyOf(number, textOf(sample.host) ?? ''));
    const worker = place === undefined ? undefined : workers[place];
    if (place === undefined || !worker) {
      isIncomplete = true;
      continue;
    }
    if (!grown.has(place)) {
      workers[place] = {
        ...worker,
        series: worker.series.map((one) => ({ ...one, times: [...one.times], values: [...one.values] })),
      };
      grown.add(place);
    }
    const timeS = new Date(event.time).getTime() / 1000;
    for (const series of workers[place]?.series ?? []) {
      const value = numberOf(sample[series.name]);
      if (value === null || timeS <= (series.times.at(-1) ?? Number.NEGATIVE_INFINITY)) continue;
      series.times.push(timeS);
      series.values.push(value);
      series.total += 1;
    }
    isIncomplete ||= FIGURES.some(
      (name) => numberOf(sample[name]) !== null && !worker.series.some((series) => series.name === name),
    );
  }
  return { workers, isIncomplete };
}

/** What is drawn of a sample. */
export const FIGURES = [
  'cpu_cores',
  'rss_bytes',
  'gpu_percent',
  'gpu_process_bytes',
  'gpu_memory_bytes',
  'host_cpu_percent',
  'host_memory_bytes',
] as const;

function keyOf(worker: number, host: string): string {
  return `${worker} ${host}`;
}
