/** What was entered in the wizard; kept in this tab, so that a reload, back and forward lose nothing. */

import type { JobBody, ResourcesConfig } from '@less-is-more/client';
import type { Sent } from '@/lib/request-key';
import type { JsonObject } from './schema-form/json';

export type Start =
  | { kind: 'defaults' }
  | { kind: 'preset'; id: string; title: string }
  | { kind: 'job'; id: string; title: string }
  | { kind: 'file'; title: string };

export interface Draft {
  start: Start;
  /** Null until the schema's defaults, or the config of the run to start from, are there. */
  config: JsonObject | null;
  name: string;
  projectId: string | null;
  /** Null: the newest. */
  datasetVersion: number | null;
  resources: Required<ResourcesConfig>;
  budget: { wall_s: number | null; cost: number | null };
  priority: number;
  /** The request that was last sent and its key, so that sending it again creates nothing twice. */
  sent: Sent | null;
}

export const NEW_DRAFT: Draft = {
  start: { kind: 'defaults' },
  config: null,
  name: '',
  projectId: null,
  datasetVersion: null,
  resources: {
    num_workers: 1,
    cpus_per_worker: 1,
    gpus_per_worker: 0,
    memory_bytes_per_worker: null,
    label_selector: {},
    threads_per_worker: null,
    max_failures: 3,
  },
  budget: { wall_s: null, cost: null },
  priority: 0,
  sent: null,
};

const PREFIX = 'lim.new-training.';
const MOST = 8;

export function loadDraft(id: string, storage: Storage = sessionStorage): Draft {
  try {
    const text = storage.getItem(PREFIX + id);
    return text === null ? NEW_DRAFT : { ...NEW_DRAFT, ...(JSON.parse(text) as { draft: Draft }).draft };
  } catch {
    return NEW_DRAFT;
  }
}

/** Keep a draft; the oldest of many goes. */
export function saveDraft(id: string, draft: Draft, storage: Storage = sessionStorage): void {
  try {
    storage.setItem(PREFIX + id, JSON.stringify({ at: Date.now(), draft }));
    const kept = Object.keys(storage)
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => ({ key, at: (JSON.parse(storage.getItem(key) ?? '{}') as { at?: number }).at ?? 0 }))
      .sort((a, b) => b.at - a.at);
    for (const { key } of kept.slice(MOST)) storage.removeItem(key);
  } catch {
    // Storage is full or blocked: the draft lasts until the reload.
  }
}

export function dropDraft(id: string, storage: Storage = sessionStorage): void {
  storage.removeItem(PREFIX + id);
}

/** The body of POST /jobs. */
export function bodyOf(
  draft: Draft & { config: JsonObject },
  { datasetId, modelId, defaultName }: { datasetId: string; modelId: string; defaultName: string },
): JobBody {
  const { wall_s, cost } = draft.budget;
  return {
    type: 'training',
    name: draft.name.trim() || defaultName,
    model_id: modelId,
    dataset_id: datasetId,
    dataset_version: draft.datasetVersion,
    // Checked against the schema that the platform itself gave.
    config: draft.config as JobBody['config'],
    resources: draft.resources,
    project_id: draft.projectId,
    priority: draft.priority,
    budget: wall_s === null && cost === null ? null : { wall_s, cost },
  };
}

const MOST_NAME = 200;

/** The name that a training gets when none is entered. */
export function nameFor(modelTitle: string, datasetName: string): string {
  return `${modelTitle} on ${datasetName}`.slice(0, MOST_NAME);
}
