import { describe, expect, it } from 'vitest';
import { aligned, positive, since, smoothed } from './series';

describe('series of a chart', () => {
  it('smooths without a pull towards zero at the start', () => {
    expect(smoothed([4, 4, 4], 0.9).map((y) => y?.toFixed(6))).toEqual(['4.000000', '4.000000', '4.000000']);
    const [first, second] = smoothed([0, 10], 0.5) as number[];
    expect(first).toBe(0);
    expect(second).toBeCloseTo((10 * 0.5) / 0.75);
  });

  it('keeps gaps, and zeros', () => {
    expect(smoothed([1, null, 0], 0)).toEqual([1, null, 0]);
    expect(smoothed([null, 2], 0.9)[0]).toBeNull();
    expect(positive([0, -1, 2, null])).toEqual([null, null, 2, null]);
  });

  it('skips the first steps', () => {
    const series = { name: 'loss', label: 'Loss', x: [1, 2, 3, 10], y: [9, 8, 7, 1] };
    expect(since(series, 3)).toMatchObject({ x: [3, 10], y: [7, 1] });
    expect(since(series, 0)).toBe(series);
  });

  it('puts series with steps of their own on one axis', () => {
    expect(
      aligned([
        { name: 'a', label: 'A', x: [1, 2, 3], y: [1, 2, 3] },
        { name: 'b', label: 'B', x: [2, 4], y: [20, null] },
      ]),
    ).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, undefined],
      [undefined, 20, undefined, null],
    ]);
  });
});
