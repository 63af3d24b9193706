import { describe, expect, it } from 'vitest';
import { intervalOf } from './bootstrap';

describe('the interval of an error rate', () => {
  it('holds the rate, and is narrower with more examples', () => {
    const some = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ errors: index % 5 === 0 ? 1 : 0, of: 1 }));
    const few = intervalOf(some(50));
    const many = intervalOf(some(1000));
    expect(few && few.low < 0.2 && few.high > 0.2).toBe(true);
    expect(many && many.low > 0.17 && many.high < 0.23).toBe(true);
    // Normal approximation for 1000 examples: 0.2 +- 1.96 * sqrt(0.2 * 0.8 / 1000) = 0.175 to 0.225.
    expect(many?.low).toBeCloseTo(0.175, 1);
    expect(many?.high).toBeCloseTo(0.225, 1);
  });

  it('is the same each time, and absent for a handful of examples', () => {
    const examples = Array.from({ length: 30 }, (_, index) => ({ errors: index % 3, of: 4 }));
    expect(intervalOf(examples)).toEqual(intervalOf(examples));
    expect(intervalOf(examples.slice(0, 5))).toBeNull();
  });

  it('of a perfect result is zero', () => {
    expect(intervalOf(Array.from({ length: 25 }, () => ({ errors: 0, of: 3 })))).toEqual({ low: 0, high: 0 });
  });
});
