import type { SweepOut, TrialResult } from '@less-is-more/client';
import { beforeAll, expect, it } from 'vitest';
import { setRegistries } from '@/lib/registries';
import { REGISTRIES } from '@/lib/registries.test-data';
import { csvOf, frontsOf, ranked, shortPaths, standingOf, standingWords } from './trials';

beforeAll(() => setRegistries(REGISTRIES));

const trial = (number: number, value: number | null, more: Partial<TrialResult> = {}): TrialResult => ({
  number,
  value,
  state: 'finished',
  values: {},
  ...more,
});

it('ranks by the direction of the metric, ties by the loss, and trials without a value last', () => {
  const trials = [
    trial(0, null),
    trial(1, 0.3),
    trial(2, 0.1, { validation_loss: 2 }),
    trial(3, 0.1, { validation_loss: 1 }),
  ];
  expect(ranked(trials, 'wer').map((each) => each.number)).toEqual([3, 2, 1, 0]);
  expect(ranked(trials, 'accuracy').map((each) => each.number)).toEqual([1, 3, 2, 0]);
});

it('tells a tie from being beaten, and says by whom', () => {
  const trials = [
    trial(0, 0.2, { peak_bytes: 1000 }),
    trial(1, 0.2, { peak_bytes: 1005 }),
    trial(2, 0.2, { peak_bytes: 1250 }),
    trial(3, 0.4, { peak_bytes: 1000 }),
    trial(4, 0.5, { peak_bytes: 900, state: 'pruned' }),
    trial(5, 0.1, { peak_bytes: 2000 }),
    trial(6, null),
  ];
  const sweep = { trials, front: { peak_bytes: [0, 5] } };
  const words = trials.map((each) => {
    const standing = standingOf(each, 'peak_bytes', sweep, 'wer');
    return standing && standingWords(standing, 'peak_bytes', each.state);
  });
  expect(words).toEqual([
    'On the front: no other trial beats it in both.',
    'Level with trial 0: as good, and memory within 1 %.',
    'Trial 0 is as good with 20.0 % less memory.',
    'Trial 0 is better with the same memory.',
    'Did not train to its end.',
    'On the front: no other trial beats it in both.',
    null,
  ]);
});

it('names the fronts that a trial is on', () => {
  const front = { peak_bytes: [1], trainable_parameters: [1, 2] };
  expect([0, 1, 2].map((number) => frontsOf(number, { front }))).toEqual([
    [],
    ['peak_bytes', 'trainable_parameters'],
    ['trainable_parameters'],
  ]);
});

it('shortens paths as far as they stay apart', () => {
  const paths = ['optimizer.learning_rate', 'method.allocation.weights.fusion', 'other.fusion'];
  expect([...shortPaths(paths).values()]).toEqual(['learning_rate', 'weights.fusion', 'other.fusion']);
});

it('writes trials as a table that no spreadsheet runs', () => {
  const sweep = {
    spec: { search: { dimensions: { a: {} } } },
    trials: [
      trial(0, 0.5, { values: { a: -1 }, metrics: { wer: 0.5 }, error: '=1+1, "x"', state: 'failed' }),
    ],
  } as unknown as SweepOut;
  expect(csvOf(sweep, 'wer').split('\r\n')).toEqual([
    'trial,state,a,wer,validation_loss,peak_bytes,trainable_parameters,seconds,step,error',
    '0,failed,-1,0.5,,,,,,"\'=1+1, ""x"""',
    '',
  ]);
});
