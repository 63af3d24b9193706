import { expect, it } from 'vitest';
import { inUse, memoryOf, ownLabels } from './totals';

it('adds up the memory of all machines', () => {
  expect(memoryOf([{ memory_bytes: 8 }, { memory_bytes: 16 }])).toBe(24);
});

it('lists what is in use, processors first, and leaves out resources with a total of zero', () => {
  const resources = {
    microphone: { total: 1, free: 1 },
    GPU: { total: 0, free: 0 },
    CPU: { total: 18, free: 4.5 },
  };
  expect(inUse(resources)).toEqual([
    { name: 'CPU', title: 'CPUs', used: 13.5, total: 18 },
    { name: 'microphone', title: 'microphone', used: 0, total: 1 },
  ]);
});

it('shows the labels that people set, by name', () => {
  const labels = { 'ray.io/node-id': 'x', 'lim/device-class': 'orin', 'lim/site': 'lab', area: 'a' };
  expect(ownLabels(labels)).toEqual([
    ['area', 'a'],
    ['lim/site', 'lab'],
  ]);
});
