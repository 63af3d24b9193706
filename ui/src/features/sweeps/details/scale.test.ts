import { expect, it } from 'vitest';
import { bytesFormat, byteUnit, domainOf, logTicksOf, placeIn, ticksOf } from './scale';

it('gives room around values, also around a single one', () => {
  expect(domainOf([10, 20])).toEqual([9.2, 20.8]);
  const [low, high] = domainOf([5, 5]);
  expect(low).toBeLessThan(5);
  expect(high).toBeGreaterThan(5);
  expect(domainOf([0, 0.01])[0]).toBe(0);
});

it('puts round ticks inside the range', () => {
  expect(ticksOf([0, 1], 5)).toEqual([0, 0.2, 0.4, 0.6000000000000001, 0.8, 1]);
  const unit = 2 ** 20;
  expect(ticksOf([1022 * unit, 1028 * unit], 3, unit).map((tick) => tick / unit)).toEqual([
    1022, 1024, 1026, 1028,
  ]);
});

it('spaces rates by their size', () => {
  const range = domainOf([1e-4, 1e-2], true);
  expect(range[0]).toBeLessThan(1e-4);
  expect(range[1]).toBeGreaterThan(1e-2);
  expect(placeIn(1e-3, [1e-4, 1e-2], true)).toBeCloseTo(0.5);
  expect(placeIn(5, [0, 10])).toBe(0.5);
  expect(logTicksOf([9e-5, 1.1e-2], 8)).toEqual([1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2]);
  expect(logTicksOf([9e-5, 1.1e-2], 4)).toEqual([1e-4, 1e-3, 1e-2]);
  expect(logTicksOf([4, 5], 4)[0]).toBe(4);
});

it('names memory in a unit that tells the ticks apart', () => {
  expect(byteUnit([2 ** 30, 2 ** 30 + 2 ** 22]).name).toBe('MiB');
  expect(byteUnit([0, 2 ** 33]).name).toBe('GiB');
});

it('shows sizes with as many decimals as tell them apart', () => {
  const mib = 2 ** 20;
  expect([1026.2 * mib, 1027.9 * mib].map(bytesFormat([1026.2 * mib, 1027.9 * mib]))).toEqual([
    '1,026.2 MiB',
    '1,027.9 MiB',
  ]);
  expect(bytesFormat([4 * 2 ** 30, 16 * 2 ** 30])(4 * 2 ** 30)).toBe('4 GiB');
  expect(bytesFormat([500 * mib])(500 * mib)).toBe('500.0 MiB');
});
