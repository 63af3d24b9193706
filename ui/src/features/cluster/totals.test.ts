import { expect, test } from 'vitest';
import { ownLabels, totalsOf } from './totals';

test('totals add up over machines, also those without a GPU', () => {
  const nodes: { resources: Record<string, number>; memory_bytes: number }[] = [
    { resources: { CPU: 2 }, memory_bytes: 1000 },
    { resources: { CPU: 6, GPU: 1 }, memory_bytes: 3000 },
  ];
  expect(totalsOf(nodes)).toEqual({ cpus: 8, gpus: 1, memoryBytes: 4000 });
});

test("Ray's labels and the device class, which has a badge of its own, are left out", () => {
  expect(ownLabels({ 'ray.io/node-id': 'x', 'lim/device-class': 'cpu-vm', zone: 'lab', 'a/b': '1' })).toEqual(
    [
      ['a/b', '1'],
      ['zone', 'lab'],
    ],
  );
});
