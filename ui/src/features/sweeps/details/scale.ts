/** Axes of the plot of trials. */

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** A range around values, with room at both ends; one value gets room too. */
export function domainOf(values: readonly number[], isLog = false): [number, number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (isLog && low > 0) {
    const room = (high / low) ** 0.08 * (high > low ? 1 : 2);
    return [low / room, high * room];
  }
  const room = high > low ? (high - low) * 0.08 : Math.abs(high) * 0.1 || 0.1;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

/** Where a value lies in a range, 0 to 1. */
export function placeIn(value: number, [low, high]: readonly [number, number], isLog = false): number {
  return isLog && low > 0 ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
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

/** 1, 2 and 5 of each power of ten inside a range, thinned to about `count`; of a narrow range as `ticksOf`. */
export function logTicksOf(range: readonly [number, number], count: number): number[] {
  const [low, high] = range;
  if (!(low > 0) || high / low < 3) return ticksOf(range, count);
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const ticks: number[] = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      for (const factor of factors) {
        const tick = Number(`${factor}e${power}`);
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    }
    if (ticks.length <= count) return ticks.length > 1 ? ticks : ticksOf(range, count);
    if (factors.length === 1) {
      const every = Math.ceil(ticks.length / count);
      return ticks.filter((_, index) => index % every === 0);
    }
  }
  return [];
}

/** GiB for wide ranges of memory; MiB where GiB would all read the same. */
export function byteUnit([low, high]: readonly [number, number]): { size: number; name: string } {
  return high - low >= 2 * GIB ? { size: GIB, name: 'GiB' } : { size: MIB, name: 'MiB' };
}

const MOST_DECIMALS = 2;

/** Sizes of memory that belong together, in one unit and with as many decimals as tell them apart. */
export function bytesFormat(values: readonly number[]): (bytes: number) => string {
  if (values.length === 0) return () => '–';
  const range = [Math.min(...values), Math.max(...values)] as const;
  const unit = range[1] < 100 * MIB ? { size: MIB, name: 'MiB' } : byteUnit(range);
  const spread = (range[1] - range[0]) / unit.size;
  const decimals = spread > 0 ? Math.min(MOST_DECIMALS, Math.max(0, 1 - Math.floor(Math.log10(spread)))) : 1;
  return (bytes) =>
    `${(bytes / unit.size).toLocaleString('en-GB', {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    })} ${unit.name}`;
}
