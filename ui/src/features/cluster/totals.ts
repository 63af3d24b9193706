import type { NodeOut, ResourceUsageOut } from '@less-is-more/client';

/** Memory of all machines, in bytes. */
export function memoryOf(nodes: readonly Pick<NodeOut, 'memory_bytes'>[]): number {
  return nodes.reduce((sum, { memory_bytes }) => sum + memory_bytes, 0);
}

const TITLES: Record<string, string> = { CPU: 'CPUs', GPU: 'GPUs' };

export interface InUse {
  name: string;
  title: string;
  used: number;
  total: number;
}

/** What is reserved of each resource that the cluster has: processors first, then GPUs, then custom ones by name. */
export function inUse(resources: Record<string, ResourceUsageOut>): InUse[] {
  const order = Object.keys(TITLES);
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return Object.entries(resources)
    .filter(([, { total }]) => total > 0)
    .map(([name, { total, free }]) => ({ name, title: TITLES[name] ?? name, used: total - free, total }))
    .sort((a, b) => place(a.name) - place(b.name) || a.name.localeCompare(b.name));
}

/** Labels that people set; Ray's own tell nothing that a card does not show. */
export function ownLabels(labels: Record<string, string>): [string, string][] {
  return Object.entries(labels)
    .filter(([name]) => !name.startsWith('ray.io/') && name !== 'lim/device-class')
    .sort(([a], [b]) => a.localeCompare(b));
}
