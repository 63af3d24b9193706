/** What somebody enters for a new pipeline, and the stages that it becomes. */

import { type PipelineBody, ProblemError } from '@less-is-more/client';
import { comparable } from '@/features/sweeps/form/draft';
import type { JsonObject } from '@/features/training/schema-form/json';
import { wordsOf } from '@/lib/problems';

export interface PipelineDraft {
  name: string;
  datasetId: string | null;
  modelId: string | null;
  projectId: string | null;
  validate: { isOn: boolean; utterances: string; rejected: string; refusesLeakage: boolean };
  select: { isOn: boolean; percent: string };
  sweep: { isOn: boolean; trials: string };
  evaluate: { isOn: boolean };
  compare: { isOn: boolean; beatsBase: boolean; bound: 'none' | 'at_most' | 'at_least'; value: string };
  export: { isOn: boolean; adapter: string };
  attempts: string;
  backoff: string;
}

export const NEW_PIPELINE: PipelineDraft = {
  name: '',
  datasetId: null,
  modelId: null,
  projectId: null,
  validate: { isOn: true, utterances: '10', rejected: '20', refusesLeakage: true },
  select: { isOn: false, percent: '50' },
  sweep: { isOn: false, trials: '8' },
  evaluate: { isOn: true },
  compare: { isOn: true, beatsBase: true, bound: 'none', value: '' },
  export: { isOn: true, adapter: '' },
  attempts: '3',
  backoff: '10',
};

/** A number where it is one; else the text, so that the platform says what is wrong with it. */
function entered(text: string): number | string {
  const value = Number(text.trim());
  return text.trim() !== '' && Number.isFinite(value) ? value : text.trim();
}

function shareOf(percent: string): number | string {
  const value = entered(percent);
  return typeof value === 'number' ? value / 100 : value;
}

/** The stages, one after another. What is at its default is left out. */
export function stagesOf(draft: PipelineDraft): JsonObject[] {
  const { validate, select, sweep, evaluate, compare } = draft;
  const retry = { attempts: entered(draft.attempts), backoff_s: entered(draft.backoff) };
  const stages: JsonObject[] = [{ type: 'ingest', retry }];
  if (validate.isOn) {
    stages.push({
      type: 'validate',
      least_utterances: entered(validate.utterances),
      most_set_aside_share: shareOf(validate.rejected),
      ...(validate.refusesLeakage ? { refuse: ['leakage'] } : {}),
    });
  }
  if (select.isOn) {
    const budget = { type: 'share', fraction: shareOf(select.percent) };
    stages.push({ type: 'select', selection: { budget }, retry });
  }
  if (sweep.isOn) {
    stages.push({
      type: 'sweep',
      search: {
        dimensions: { 'optimizer.learning_rate': { type: 'loguniform', low: 1e-4, high: 1e-2 } },
        algorithm: { type: 'optuna', trials: entered(sweep.trials) },
      },
      retry,
    });
  }
  stages.push({ type: 'train', retry });
  if (evaluate.isOn) stages.push({ type: 'evaluate', retry });
  if (compare.isOn) {
    stages.push({
      type: 'compare',
      gates: [
        ...(compare.beatsBase ? [{ better_than_base: true }] : []),
        ...(compare.bound === 'none' ? [] : [{ [compare.bound]: entered(compare.value) }]),
      ],
    });
  }
  if (draft.export.isOn) {
    const adapter = draft.export.adapter.trim();
    stages.push({ type: 'export', ...(adapter ? { adapter } : {}) });
  }
  return stages;
}

/** The settings of the training: a search compares trials on validation examples, which it needs. */
export function configOf(draft: Pick<PipelineDraft, 'sweep'>, config: JsonObject): JsonObject {
  return draft.sweep.isOn ? comparable(config) : config;
}

export function bodyOf(draft: PipelineDraft, declared: JsonObject): PipelineBody {
  return {
    ...declared,
    name: draft.name.trim() || (typeof declared.name === 'string' ? declared.name : ''),
    model_id: draft.modelId ?? (typeof declared.model_id === 'string' ? declared.model_id : ''),
    dataset_id: draft.datasetId ?? '',
    project_id: draft.projectId,
    // Config and stages are checked by the platform, which names every fault by its path.
  } as PipelineBody;
}

/** What is missing before the platform is asked. */
export function missingIn(body: PipelineBody): Map<string, string> {
  const missing = new Map<string, string>();
  if (body.name === '') missing.set('name', 'Give the pipeline a name.');
  if (body.dataset_id === '') missing.set('dataset_id', 'Choose the dataset to learn from.');
  if (body.model_id === '') missing.set('model_id', 'Choose the model to start from.');
  return missing;
}

export interface Faults {
  /** By path of the request. */
  fields: ReadonlyMap<string, string>;
  /** By type of a stage and path inside it: `validate.least_utterances`. */
  stages: ReadonlyMap<string, string>;
  /** By path inside the training's settings. */
  config: ReadonlyMap<string, string>;
  rest: readonly string[];
}
export const NO_FAULTS: Faults = { fields: new Map(), stages: new Map(), config: new Map(), rest: [] };

const FIELDS = ['name', 'dataset_id', 'model_id', 'project_id'];

/** The faults of the platform at the fields that they are about. */
export function sorted(error: unknown, stages: readonly JsonObject[]): Faults {
  const fields = new Map<string, string>();
  const atStages = new Map<string, string>();
  const config = new Map<string, string>();
  const rest: string[] = [];
  const all = error instanceof ProblemError ? error.errors : [];
  for (const { path, message } of all) {
    const [, position, ...inside] = path.split('.');
    const type = path.startsWith('stages.') ? stages[Number(position)]?.type : undefined;
    if (typeof type === 'string') atStages.set([type, ...inside].join('.'), message);
    else if (path.startsWith('config.')) config.set(path.slice('config.'.length), message);
    else if (FIELDS.includes(path)) fields.set(path, message);
    else rest.push(path ? `${path}: ${message}` : message);
  }
  if (all.length === 0) {
    const { title, cure } = wordsOf(error);
    rest.push([title, cure].filter(Boolean).join(/[.!?]$/.test(title) ? ' ' : '. '));
  }
  return { fields, stages: atStages, config, rest };
}
