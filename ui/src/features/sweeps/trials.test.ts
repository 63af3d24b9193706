import type { TrialResult } from '@less-is-more/client';
import { beforeAll, expect, it } from 'vitest';
import { setRegistries } from '@/lib/registries';
import { REGISTRIES } from '@/lib/registries.test-data';
import { ranked, shortPaths } from './trials';

beforeAll(() => setRegistries(REGISTRIES));

const trial = (number: number, value: number | null, loss: number | null = null): TrialResult => ({
  number,
  value,
  validation_loss: loss,
  state: 'finished',
  values: {},
});

it('ranks by the direction of the metric, ties by the loss, and trials without a value last', () => {
  const trials = [trial(0, null), trial(1, 0.3), trial(2, 0.1, 2), trial(3, 0.1, 1)];
  expect(ranked(trials, 'wer').map((each) => each.number)).toEqual([3, 2, 1, 0]);
  expect(ranked(trials, 'accuracy').map((each) => each.number)).toEqual([1, 3, 2, 0]);
});

it('shortens paths as far as they stay apart', () => {
  const paths = ['optimizer.learning_rate', 'method.allocation.weights.fusion', 'other.fusion'];
  expect([...shortPaths(paths).values()]).toEqual(['learning_rate', 'weights.fusion', 'other.fusion']);
});
