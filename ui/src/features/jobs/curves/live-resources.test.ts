import { describe, expect, it } from 'vitest';
import type { JobEvent } from '@/lib/live/protocol';
import type { WorkerResources } from '../contract';
import { withSamples } from './live-resources';

const sample = (seq: number, time: string, resources: Record<string, unknown>): JobEvent => ({
  kind: 'metric',
  id: 'job',
  event: { seq, event_key: `resources/${seq}`, time, resources },
});
const START = '2026-11-30T20:00:00Z';
const startS = new Date(START).getTime() / 1000;
const history: WorkerResources[] = [
  {
    worker: 0,
    host: 'a',
    gpu: null,
    limits: {},
    series: [
      {
        name: 'cpu_cores',
        title: 'Processor',
        unit: 'cores',
        total: 1,
        sampled: false,
        times: [startS],
        values: [1],
      },
    ],
  },
];

describe('live use of resources', () => {
  it('goes on behind the history, and repeats nothing of it', () => {
    const { workers, isIncomplete } = withSamples(history, [
      sample(1, START, { worker: 0, host: 'a', cpu_cores: 1 }),
      sample(2, '2026-11-30T20:00:02Z', { worker: 0, host: 'a', cpu_cores: 0.5 }),
    ]);
    expect(isIncomplete).toBe(false);
    expect(workers[0]?.series[0]?.values).toEqual([1, 0.5]);
    expect(workers[0]?.series[0]?.times).toEqual([startS, startS + 2]);
    expect(history[0]?.series[0]?.values).toEqual([1]);
  });

  it('says when the history misses a worker or a figure', () => {
    const later = '2026-11-30T20:00:02Z';
    expect(
      withSamples(history, [sample(1, later, { worker: 1, host: 'a', cpu_cores: 1 })]).isIncomplete,
    ).toBe(true);
    expect(
      withSamples(history, [sample(1, later, { worker: 0, host: 'a', cpu_cores: 1, rss_bytes: 5 })])
        .isIncomplete,
    ).toBe(true);
    expect(withSamples(history, [sample(1, later, { odd: true })]).isIncomplete).toBe(false);
  });
});
