import { describe, expect, it } from 'vitest';
import { barParts, fitsWords } from './estimate-words';

const device = (fits: boolean) => ({
  id: 'x',
  title: 'X',
  fits,
  changes: [],
  memory_bytes: 1,
  usable_bytes: 1,
  peak_bytes: 1,
  largest_micro_batch_cost: null,
});

describe('the estimate in words', () => {
  it('keeps the sum: small parts together, unknown ones shown', () => {
    const parts = { activations: 500, runtime: 400, features: 3, adapter: 2, something_new: 95 };
    const bars = barParts(parts);
    expect(bars.map((bar) => bar.label)).toEqual([
      'Python and libraries',
      'Activations',
      'something_new',
      'Other',
    ]);
    expect(bars.reduce((sum, bar) => sum + bar.value, 0)).toBe(1000);
    expect(bars[1]?.hint).toContain('micro-batch');
  });

  it('says where it fits', () => {
    expect(fitsWords([device(true), device(true)])).toBe('Fits every device class');
    expect(fitsWords([device(false), device(true)])).toBe('Fits 1 of 2 device classes');
    expect(fitsWords([device(false)])).toBe('Fits no device class');
  });
});
