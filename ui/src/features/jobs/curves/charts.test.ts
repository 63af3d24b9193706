import { beforeAll, describe, expect, it } from 'vitest';
import { setRegistries } from '@/lib/registries';
import { REGISTRIES } from '@/lib/registries.test-data';
import type { CurveSeries } from '../contract';
import { chartsOf, linesOf, samplingNote } from './charts';

const series = (name: string, changes: Partial<CurveSeries> = {}): CurveSeries => ({
  name,
  title: '',
  unit: null,
  x: 'step',
  total: 2,
  sampled: false,
  steps: [1, 2],
  values: [2, 1],
  times: [0, 1],
  ...changes,
});

beforeAll(() => setRegistries(REGISTRIES));

describe('the charts of a job', () => {
  const curves = [
    'epoch',
    'grad_norm',
    'validation/cer',
    'loss',
    'validation/wer',
    'validation/loss',
    'eta_s',
  ].map((name) => series(name));

  it('are one per figure, losses together, the deciding metric second', () => {
    expect(chartsOf(curves, 'wer').map(({ title, names }) => [title, names])).toEqual([
      ['Loss', ['loss', 'validation/loss']],
      ['Validation WER', ['validation/wer']],
      ['Validation CER', ['validation/cer']],
      ['Gradient norm', ['grad_norm']],
    ]);
  });

  it('leave out curves without points, and show figures that nobody has named yet', () => {
    expect(
      chartsOf([series('loss', { steps: [], values: [] }), series('head_entropy')], null).map((p) => p.title),
    ).toEqual(['Head entropy']);
  });

  it('give each run its colour, and dash its validation', () => {
    const [plan] = chartsOf(curves, 'wer');
    if (!plan) throw new Error('no chart');
    const lines = linesOf(plan, [
      { id: 'a', label: 'first', series: curves },
      { id: 'b', label: 'second', series: [series('loss')] },
    ]);
    expect(lines.map(({ label, color, isDashed }) => [label, color, isDashed ?? false])).toEqual([
      ['first, Training', '--chart-1', false],
      ['first, Validation', '--chart-1', true],
      ['second, Training', '--chart-2', false],
    ]);
  });

  it('say when they show only some of the points', () => {
    const [plan] = chartsOf(curves, 'wer');
    if (!plan) throw new Error('no chart');
    const run = (total: number) => [
      { id: 'a', label: '', series: [series('loss', { sampled: total > 2, total })] },
    ];
    expect(samplingNote(plan, run(2))).toBeUndefined();
    expect(samplingNote(plan, run(100000))).toBe('2 of 100,000 points: smallest and largest of each section');
  });
});
