import { ProblemError } from '@less-is-more/client';
import { expect, it } from 'vitest';
import { bodyOf, missingIn, NEW_PIPELINE, sorted, stagesOf } from './draft';

it('makes stages of what is on, and leaves wrong numbers to the platform', () => {
  expect(stagesOf(NEW_PIPELINE).map(({ type }) => type)).toEqual([
    'ingest',
    'validate',
    'train',
    'evaluate',
    'compare',
    'export',
  ]);
  const stages = stagesOf({
    ...NEW_PIPELINE,
    validate: { isOn: true, utterances: 'x', rejected: '25', refusesLeakage: false },
    select: { isOn: true, percent: '30' },
    sweep: { isOn: true, trials: '4' },
    compare: { isOn: true, beatsBase: false, bound: 'at_most', value: '0.15' },
    export: { isOn: false, adapter: '' },
  });
  expect(stages[1]).toEqual({ type: 'validate', least_utterances: 'x', most_set_aside_share: 0.25 });
  expect(stages[2]).toMatchObject({ type: 'select', selection: { budget: { fraction: 0.3 } } });
  expect(stages[3]).toMatchObject({ type: 'sweep', search: { algorithm: { trials: 4 } } });
  expect(stages.at(-1)).toEqual({ type: 'compare', gates: [{ at_most: 0.15 }] });
});

it('takes name and model of a file where the form has none', () => {
  const body = bodyOf(NEW_PIPELINE, { name: 'digits', model_id: 'whisper-pico', stages: [] });
  expect([...missingIn(body).keys()]).toEqual(['dataset_id']);
  expect([...missingIn(bodyOf(NEW_PIPELINE, {})).keys()]).toEqual(['name', 'dataset_id', 'model_id']);
});

it('puts faults of a stage at that stage', () => {
  const error = new ProblemError({
    type: 'about:blank',
    title: 'x',
    status: 422,
    code: 'invalid_request',
    detail: 'The request has faults.',
    correlation_id: 'x',
    errors: [
      { path: 'stages.1.least_utterances', message: 'too few' },
      { path: 'config.max_steps', message: 'found 0' },
      { path: 'stages', message: 'wait for each other' },
    ],
  });
  const faults = sorted(error, stagesOf(NEW_PIPELINE));
  expect([...faults.stages]).toEqual([['validate.least_utterances', 'too few']]);
  expect([...faults.config]).toEqual([['max_steps', 'found 0']]);
  expect(faults.rest).toEqual(['stages: wait for each other']);
});
