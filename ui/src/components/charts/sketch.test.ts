import { describe, expect, it } from 'vitest';
import { courseOf } from './sketch';

describe('the course of a sketched curve', () => {
  it('fills its box, with a gap where nothing was measured', () => {
    expect(courseOf([0, 5, 10], [0, 1, 2])).toBe('M0.0 110.0L150.0 55.0L300.0 0.0');
    expect(courseOf([0, 1, 2, 3], [1, null, 1, 2])).toBe('M0.0 110.0M200.0 110.0L300.0 0.0');
  });

  it('is a line in the middle for a constant, a point for one value, nothing for none', () => {
    expect(courseOf([0, 10], [3, 3])).toBe('M0.0 55.0L300.0 55.0');
    expect(courseOf([7], [3])).toBe('M0.0 55.0');
    expect(courseOf([], [])).toBe('');
  });
});
