import { describe, expect, it } from 'vitest';
import type { JobEvent } from '@/lib/live/protocol';
import type { CurveSeries } from '../contract';
import { lastAndBest, pointsOf, withDetail, withLive } from './points';

const event = (seq: number, data: Record<string, unknown>): JobEvent => ({
  kind: 'metric',
  id: 'job',
  event: { seq, event_key: `train/${seq}`, time: '2026-11-30T20:00:00Z', ...data },
});
const series = (name: string, steps: number[], values: number[]): CurveSeries => ({
  name,
  title: name,
  unit: null,
  x: 'step',
  total: steps.length,
  sampled: false,
  steps,
  values,
  times: steps.map(() => 0),
});

describe('points of live events', () => {
  it('are named as the curves of the platform', () => {
    expect(
      pointsOf(event(1, { step: 10, loss: 0.5, cost_unit: 'audio_s', total_steps: 60 }).event).map(
        ({ name, step, value }) => [name, step, value],
      ),
    ).toEqual([['loss', 10, 0.5]]);
    expect(
      pointsOf(event(2, { step: 10, split: 'validation', metrics: { wer: 0.2 } }).event).map(
        ({ name }) => name,
      ),
    ).toEqual(['validation/wer']);
    expect(
      pointsOf(event(3, { step: 60, split: 'test', which: 'base', metrics: { wer: 0.2 } }).event),
    ).toEqual([]);
  });

  it('continue a history, and repeat no point of it', () => {
    const history = [series('loss', [10, 20], [3, 2])];
    const joined = withLive(history, [
      event(5, { step: 20, loss: 2 }),
      event(6, { step: 30, loss: 1, grad_norm: 4 }),
    ]);
    expect(joined.map(({ name, steps, values }) => [name, steps, values])).toEqual([
      ['loss', [10, 20, 30], [3, 2, 1]],
      ['grad_norm', [30], [4]],
    ]);
    expect(history[0]?.steps).toEqual([10, 20]);
    expect(joined[0]?.total).toBe(3);
  });

  it('keeps a zero, and knows nothing of a step that is not there', () => {
    expect(withLive([], [event(1, { step: 1, loss: 0 }), event(2, { loss: 3 })])[0]?.values).toEqual([0]);
  });
});

describe('a section in detail', () => {
  it('replaces the points of the overview between its ends', () => {
    const overview = series('loss', [0, 10, 20, 30], [4, 3, 2, 1]);
    const detail = series('loss', [10, 12, 14, 20], [3, 2.9, 2.8, 2]);
    expect(withDetail(overview, detail, [10, 20])).toMatchObject({
      steps: [0, 10, 12, 14, 20, 30],
      values: [4, 3, 2.9, 2.8, 2, 1],
    });
    expect(withDetail(overview, undefined, [10, 20])).toBe(overview);
    expect(withDetail(overview, series('loss', [28, 30], [1.1, 1]), [25, 99]).steps).toEqual([
      0, 10, 20, 28, 30,
    ]);
  });
});

describe('best and last', () => {
  it('follow the direction of the metric', () => {
    const one = series('validation/wer', [1, 2, 3], [0.3, 0.1, 0.2]);
    expect(lastAndBest(one, 'lower')).toEqual({
      last: { value: 0.2, step: 3 },
      best: { value: 0.1, step: 2 },
    });
    expect(lastAndBest(one, 'higher')?.best.step).toBe(1);
    expect(lastAndBest(series('x', [], []), 'lower')).toBeNull();
  });
});
