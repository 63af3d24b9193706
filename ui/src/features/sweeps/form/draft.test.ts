import { ProblemError } from '@less-is-more/client';
import { expect, it } from 'vitest';
import { documentedTraining } from '@/features/training/schema-form/document.test-data';
import { getAt, type JsonObject } from '@/features/training/schema-form/json';
import { formOf } from '@/features/training/schema-form/node';
import { overlay } from '@/features/training/schema-form/values';
import { newRow } from './dimensions';
import { bodyOf, comparable, missingIn, NEW_SWEEP, sorted, trialsOf } from './draft';

const FORM = formOf(documentedTraining());
const settings = (partial: JsonObject) =>
  comparable(overlay(FORM.root, FORM.root.fallback, partial) as JsonObject);

it('gives settings what a comparison of trials needs, and leaves what is there', () => {
  const quick = settings({ max_steps: 50, split: { validation_fraction: 0 } });
  expect(getAt(quick, 'evaluation.every_steps')).toBe(5);
  expect(getAt(quick, 'split.validation_fraction')).toBe(0.1);
  const own = settings({
    max_steps: 50,
    evaluation: { every_steps: 7 },
    split: { validation_fraction: 0, validation_groups: ['bruno'] },
  });
  expect(getAt(own, 'evaluation.every_steps')).toBe(7);
  expect(getAt(own, 'split.validation_fraction')).toBe(0);
  expect(getAt(settings({}), 'max_steps')).toBeTypeOf('number');
});

it('makes a request, and leaves wrong numbers to the platform', () => {
  const body = bodyOf(
    {
      ...NEW_SWEEP,
      name: ' ',
      datasetId: 'd',
      modelId: 'm',
      grace: 'x',
      minutes: '30',
      selection: { isOn: true, percent: '25', method: 'random', isTrimmed: false },
    },
    {},
  );
  expect(body).toMatchObject({
    name: null,
    search: { algorithm: { type: 'optuna', trials: 8 }, scheduler: { grace_validations: 'x' } },
    selection: {
      budget: { type: 'share', fraction: 0.25 },
      method: { type: 'random' },
      trim: { type: 'none' },
    },
    budget: { wall_s: 1800 },
  });
});

it('says what is missing', () => {
  const draft = {
    ...NEW_SWEEP,
    algorithm: 'grid' as const,
    minutes: '-1',
    selection: { ...NEW_SWEEP.selection, isOn: true, percent: '0' },
  };
  expect([...missingIn(draft).keys()]).toEqual([
    'dataset_id',
    'model_id',
    'search.algorithm.type',
    'budget.wall_s',
    'selection.budget.fraction',
  ]);
  expect(trialsOf({ ...draft, rows: [newRow(0, { values: '1, 2' })] })).toBe(2);
});

it('puts faults where they belong', () => {
  const error = new ProblemError(
    {
      type: 'about:blank',
      title: 'x',
      status: 422,
      code: 'invalid_request',
      detail: 'The request has faults.',
      correlation_id: 'x',
      errors: [
        { path: 'search.dimensions.optimizer.learning_rate.low', message: 'too low' },
        { path: 'config.evaluation.every_steps', message: 'found 0' },
        { path: 'resources.num_workers', message: 'too many' },
        { path: 'search.dimensions', message: 'these two are not allowed together' },
      ],
    },
    null,
  );
  const faults = sorted(error, NEW_SWEEP.rows);
  expect([...faults.rows]).toEqual([['0.low', 'too low']]);
  expect([...faults.config]).toEqual([['evaluation.every_steps', 'found 0']]);
  expect([...faults.fields]).toEqual([['resources.num_workers', 'too many']]);
  expect(faults.rest).toEqual(['search.dimensions: these two are not allowed together']);
});
