/** Axes of the plot of trials. */

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** A range around values, with room at both ends; one value gets room too. */
export function domainOf(values: readonly number[]): [number, number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = high > low ? (high - low) * 0.08 : Math.abs(high) * 0.1 || 0.1;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

/** Round numbers inside a range, about `count` of them, in multiples of `unit`. */
export function ticksOf([low, high]: readonly [number, number], count: number, unit = 1): number[] {
  const rough = (high - low) / unit / Math.max(1, count);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power * unit;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** GiB for wide ranges of memory; MiB where GiB would all read the same. */
export function byteUnit([low, high]: readonly [number, number]): { size: number; name: string } {
  return high - low >= 2 * GIB ? { size: GIB, name: 'GiB' } : { size: MIB, name: 'MiB' };
}
