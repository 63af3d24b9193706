import { expect, it } from 'vitest';
import { byteUnit, domainOf, ticksOf } from './scale';

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

it('names memory in a unit that tells the ticks apart', () => {
  expect(byteUnit([2 ** 30, 2 ** 30 + 2 ** 22]).name).toBe('MiB');
  expect(byteUnit([0, 2 ** 33]).name).toBe('GiB');
});
