/** Which model can learn from which dataset. The platform decides at the launch; this says it before. */

import type { DatasetOut, ModelOut } from '@less-is-more/client';
import { formatWords } from '@/lib/format';
import { tasksWithSameTargets } from '@/lib/registries';

/** The task of a training on both; null where there is none. */
export function taskFor(
  dataset: Pick<DatasetOut, 'task'> | undefined,
  model: Pick<ModelOut, 'tasks'> | undefined,
): string | null {
  if (!dataset) return model?.tasks?.[0] ?? null;
  const tasks = tasksWithSameTargets(dataset.task);
  if (!model) return tasks[0] ?? null;
  const both = tasks.filter((task) => (model.tasks as readonly string[] | undefined)?.includes(task));
  return both.includes(dataset.task) ? dataset.task : (both[0] ?? null);
}

/** Why a dataset cannot be chosen; null where it can. */
export function whyNotDataset(
  dataset: Pick<DatasetOut, 'task' | 'status' | 'version'>,
  model: Pick<ModelOut, 'title' | 'tasks'> | undefined,
): string | null {
  if (dataset.version === null) {
    if (dataset.status === 'error') return 'Its recordings could not be read. Open it to see why.';
    if (dataset.status === 'pending') return 'Its upload is not complete.';
    return 'It is still being checked.';
  }
  if (model && taskFor(dataset, model) === null) {
    return `It is for ${words(dataset.task)}; ${model.title} does ${list(model.tasks ?? [])}.`;
  }
  return null;
}

/** Why a model cannot be chosen; null where it can. */
export function whyNotModel(
  model: Pick<ModelOut, 'tasks' | 'status'>,
  dataset: Pick<DatasetOut, 'name' | 'task'> | undefined,
): string | null {
  if (model.status === 'retired') return 'It is retired: no new job can use it.';
  if (dataset && taskFor(dataset, model) === null) {
    return `It does ${list(model.tasks ?? [])}; the dataset is for ${words(dataset.task)}.`;
  }
  return null;
}

const words = (task: string) => formatWords(task).toLowerCase();
const list = (tasks: readonly string[]) => tasks.map(words).join(' and ');
