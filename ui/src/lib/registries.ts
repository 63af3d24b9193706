/** What the platform says once about its metrics and tasks; known before any page behind the log-in is shown. */

import type { MetricOut, TaskOut } from '@less-is-more/client';

export interface Registries {
  metrics: readonly MetricOut[];
  tasks: readonly TaskOut[];
}

const STORED = 'lim.registries';
let metrics: ReadonlyMap<string, MetricOut> = new Map();
let tasks: ReadonlyMap<string, TaskOut> = new Map();

export function setRegistries(all: Registries): void {
  metrics = new Map(all.metrics.map((metric) => [metric.name, metric]));
  tasks = new Map(all.tasks.map((task) => [task.name, task]));
}

/** The metric of a name; undefined for one that only another release knows. */
export function knownMetric(name: string): MetricOut | undefined {
  return metrics.get(name);
}

/** Tasks that learn from the same datasets as a task, itself first. */
export function tasksWithSameTargets(name: string): readonly string[] {
  const own = tasks.get(name)?.targets ?? [];
  const others = [...tasks.values()].filter(
    (task) => task.name !== name && task.targets.some((target) => own.includes(target)),
  );
  return [name, ...others.map((task) => task.name)];
}

/** What an earlier visit of this browser has learned, taken over; null: nothing. */
export function storedRegistries(): Registries | null {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED) ?? 'null') as Registries | null;
    if (stored) setRegistries(stored);
    return stored;
  } catch {
    return null;
  }
}

export function storeRegistries(all: Registries): void {
  setRegistries(all);
  try {
    localStorage.setItem(STORED, JSON.stringify(all));
  } catch {
    // Storage is full or blocked: it is read again at the next visit.
  }
}
