import type { NodeOut } from '@less-is-more/client';

/** What all machines have together. */
export function totalsOf(nodes: readonly Pick<NodeOut, 'resources' | 'memory_bytes'>[]) {
  return nodes.reduce(
    (sum, { resources, memory_bytes }) => ({
      cpus: sum.cpus + (resources.CPU ?? 0),
      gpus: sum.gpus + (resources.GPU ?? 0),
      memoryBytes: sum.memoryBytes + memory_bytes,
    }),
    { cpus: 0, gpus: 0, memoryBytes: 0 },
  );
}

/** Labels that people set; Ray's own tell nothing that a card does not show. */
export function ownLabels(labels: Record<string, string>): [string, string][] {
  return Object.entries(labels)
    .filter(([name]) => !name.startsWith('ray.io/') && name !== 'lim/device-class')
    .sort(([a], [b]) => a.localeCompare(b));
}
