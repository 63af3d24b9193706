import { expect, test } from 'vitest';
import type { JobEvent } from '@/lib/live/protocol';
import type { WorkerResources } from '../contract';
import { withLiveResources } from './resource-points';

const sample = (seq: number, time: string, resources?: Record<string, unknown>): JobEvent => ({
  kind: 'metric',
  id: 'job',
  event: { seq, event_key: `resources/${seq}`, time, ...(resources ? { resources } : { loss: 1 }) },
});
const worker: WorkerResources = {
  worker: 0,
  host: 'jetson',
  gpu: null,
  limits: { host_cores: 6 },
  series: [
    {
      name: 'cpu_cores',
      title: 'Processor',
      unit: 'cores',
      total: 1,
      sampled: false,
      times: [1000],
      values: [2],
    },
  ],
};

test('samples of a worker continue its curves; other metrics and sizes of the machine do not', () => {
  const live = [
    sample(2, new Date(1_010_000).toISOString(), { worker: 0, host: 'jetson', cpu_cores: 3, host_cores: 6 }),
    sample(3, new Date(1_011_000).toISOString()),
  ];
  const [grown, ...others] = withLiveResources([worker], live);
  expect(others).toEqual([]);
  expect(grown?.series).toEqual([{ ...worker.series[0], total: 2, times: [1000, 1010], values: [2, 3] }]);
});

test('a worker on another machine gets curves of its own, and nothing comes twice', () => {
  const time = new Date(1_000_000).toISOString();
  const live = [
    sample(2, time, { worker: 0, host: 'jetson', cpu_cores: 9 }),
    sample(3, time, { worker: 1, host: 'vm', rss_bytes: 5 }),
  ];
  const grown = withLiveResources([worker], live);
  expect(grown[0]?.series[0]?.values).toEqual([2]);
  expect(grown[1]).toMatchObject({ worker: 1, host: 'vm', series: [{ name: 'rss_bytes', values: [5] }] });
});
