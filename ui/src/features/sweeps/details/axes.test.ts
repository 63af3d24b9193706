import type { SweepOut } from '@less-is-more/client';
import { expect, it } from 'vitest';
import { axesOf } from './axes';

it('offers both costs and the settings that are numbers', () => {
  const trial = (number: number, rate: number) => ({
    number,
    state: 'finished',
    values: { 'optimizer.learning_rate': rate, 'schedule.type': 'cosine' },
    peak_bytes: 2 ** 30,
    trainable_parameters: 1000 * (number + 1),
  });
  const sweep = {
    spec: { search: { dimensions: { 'optimizer.learning_rate': { type: 'choice' } } } },
    trials: [trial(0, 0.001), trial(1, 0.1)],
    front: {},
  } as unknown as SweepOut;
  const axes = axesOf(sweep);
  expect(axes.map(({ id, isLog }) => [id, isLog])).toEqual([
    ['peak_bytes', false],
    ['trainable_parameters', false],
    ['optimizer.learning_rate', true],
  ]);
  expect(axes[2]?.ticks([0.0005, 0.2], 6).map(({ text }) => text)).toEqual([
    '0.001',
    '0.003',
    '0.01',
    '0.03',
    '0.1',
  ]);
  expect(axes[0]?.format(2 ** 30)).toBe('1,024.0 MiB');
});
