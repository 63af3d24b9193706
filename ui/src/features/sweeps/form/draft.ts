/** What somebody enters for a new sweep, the request that it becomes, and where faults belong. */

import { ProblemError, type SearchConfig, type SweepBody } from '@less-is-more/client';
import { getAt, type JsonObject, setAt } from '@/features/training/schema-form/json';
import { wordsOf } from '@/lib/problems';
import { combinationsOf, dimensionsOf, placeOf, type Row } from './dimensions';
import { type Algorithm, SEARCHES } from './presets';
import { EVERYTHING, type SelectionDraft, selectionFault, selectionOf } from './selection';

export interface SweepDraft {
  name: string;
  datasetId: string | null;
  modelId: string | null;
  projectId: string | null;
  /** Of the searches to start from; empty once something was changed. */
  preset: string;
  rows: readonly Row[];
  algorithm: Algorithm;
  trials: string;
  isAsha: boolean;
  reduction: string;
  grace: string;
  atOnce: string;
  cpus: string;
  gpus: string;
  minutes: string;
  selection: SelectionDraft;
}

const [FIRST] = SEARCHES;

export const NEW_SWEEP: SweepDraft = {
  name: '',
  datasetId: null,
  modelId: null,
  projectId: null,
  preset: FIRST.id,
  rows: FIRST.rows,
  algorithm: FIRST.algorithm,
  trials: FIRST.trials,
  isAsha: true,
  reduction: '3',
  grace: '1',
  atOnce: '1',
  cpus: '1',
  gpus: '0',
  minutes: '',
  selection: EVERYTHING,
};

/** How often trials are compared while they train. */
const COMPARISONS = 10;
const VALIDATION_SHARE = 0.1;

/** Trials are compared on validation examples: settings without any get some. Training takes 200 steps by default. */
export function comparable(config: JsonObject): JsonObject {
  let next = config;
  const steps = getAt(next, 'max_steps');
  if (steps === null && getAt(next, 'epochs') === null) next = setAt(next, 'max_steps', 200) as JsonObject;
  if (getAt(next, 'evaluation.every_steps') === 0) {
    const length = getAt(next, 'max_steps');
    const every = typeof length === 'number' ? Math.max(1, Math.round(length / COMPARISONS)) : COMPARISONS;
    next = setAt(next, 'evaluation.every_steps', every) as JsonObject;
  }
  const groups = getAt(next, 'split.validation_groups');
  if (getAt(next, 'split.validation_fraction') === 0 && (!Array.isArray(groups) || groups.length === 0))
    next = setAt(next, 'split.validation_fraction', VALIDATION_SHARE) as JsonObject;
  return next;
}

/** Number of trials; null where it is not known yet. */
export function trialsOf(draft: Pick<SweepDraft, 'algorithm' | 'rows' | 'trials'>): number | null {
  if (draft.algorithm === 'grid') return combinationsOf(draft.rows);
  const trials = Number(draft.trials);
  return Number.isInteger(trials) && trials > 0 ? trials : null;
}

/** A number where it is one; else the text, so that the platform says what is wrong with it. */
function entered(text: string): number {
  const value = Number(text.trim());
  return (text.trim() !== '' && Number.isFinite(value) ? value : text.trim()) as number;
}

export function bodyOf(draft: SweepDraft, config: JsonObject): SweepBody {
  const { algorithm, minutes } = draft;
  return {
    name: draft.name.trim() || null,
    dataset_id: draft.datasetId ?? '',
    model_id: draft.modelId ?? '',
    project_id: draft.projectId,
    // Checked against the schema that the platform itself gave.
    config: config as SweepBody['config'],
    search: {
      dimensions: dimensionsOf(draft.rows),
      algorithm:
        algorithm === 'grid' ? { type: algorithm } : { type: algorithm, trials: entered(draft.trials) },
      scheduler: draft.isAsha
        ? {
            type: 'asha',
            reduction_factor: entered(draft.reduction),
            grace_validations: entered(draft.grace),
          }
        : { type: 'none' },
    } satisfies SearchConfig,
    selection: selectionOf(draft.selection),
    resources: {
      num_workers: entered(draft.atOnce),
      cpus_per_worker: entered(draft.cpus),
      gpus_per_worker: entered(draft.gpus),
    },
    budget: minutes.trim() === '' ? null : { wall_s: entered(minutes) * 60 },
  };
}

export interface Faults {
  /** By path of the request, for what has a field of its own. */
  fields: ReadonlyMap<string, string>;
  /** By row and field of the search: `0.low`. */
  rows: ReadonlyMap<string, string>;
  /** By path inside the training's settings. */
  config: ReadonlyMap<string, string>;
  /** What belongs to no field. */
  rest: readonly string[];
}
export const NO_FAULTS: Faults = { fields: new Map(), rows: new Map(), config: new Map(), rest: [] };

/** What is missing before the platform is asked. */
export function missingIn(draft: SweepDraft): Map<string, string> {
  const missing = new Map<string, string>();
  if (draft.datasetId === null) missing.set('dataset_id', 'Choose the dataset to learn from.');
  if (draft.modelId === null) missing.set('model_id', 'Choose the model to start from.');
  if (draft.algorithm !== 'grid' && trialsOf(draft) === null)
    missing.set('search.algorithm.trials', 'Enter a whole number from 1.');
  if (draft.algorithm === 'grid' && trialsOf(draft) === null)
    missing.set('search.algorithm.type', 'A grid needs lists or grids, not ranges.');
  if (draft.minutes.trim() !== '' && !(Number(draft.minutes) > 0))
    missing.set('budget.wall_s', 'Enter minutes, more than 0.');
  const share = selectionFault(draft.selection);
  if (share !== null) missing.set('selection.budget.fraction', share);
  return missing;
}

const FIELDS = [
  'name',
  'dataset_id',
  'model_id',
  'project_id',
  'resources',
  'budget',
  'search.algorithm',
  'search.scheduler',
  'selection.budget',
  'selection.method',
];

/** The faults of the platform at the fields that they are about. */
export function sorted(error: unknown, rows: readonly Row[]): Faults {
  const fields = new Map<string, string>();
  const atRows = new Map<string, string>();
  const config = new Map<string, string>();
  const rest: string[] = [];
  const all = error instanceof ProblemError ? error.errors : [];
  for (const { path, message } of all) {
    const row = placeOf(path, rows);
    if (row !== null) atRows.set(row, [atRows.get(row), message].filter(Boolean).join('; '));
    else if (FIELDS.some((field) => path === field || path.startsWith(`${field}.`)))
      fields.set(path, message);
    else if (path.startsWith('config.')) config.set(path.slice('config.'.length), message);
    else rest.push(path ? `${path}: ${message}` : message);
  }
  if (all.length === 0) {
    const { title, cure } = wordsOf(error);
    rest.push([title, cure].filter(Boolean).join(/[.!?]$/.test(title) ? ' ' : '. '));
  }
  return { fields, rows: atRows, config, rest };
}
