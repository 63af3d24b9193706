/** What a curve is, and what can be done to its points before they are drawn. */

export interface Series {
  /** Unique within a chart. */
  name: string;
  label: string;
  /** Ascending. */
  x: readonly number[];
  /** null: not measured there; the line has a gap. */
  y: readonly (number | null)[];
  /** A CSS variable of the tokens, such as `--chart-2`; unset: by position. */
  color?: string;
  isDashed?: boolean;
}

/** Exponential moving average, corrected for its start (as in Adam); 0 leaves the points as they are. */
export function smoothed(y: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return [...y];
  let sum = 0;
  let share = 0;
  return y.map((value) => {
    if (value === null || !Number.isFinite(value)) return value;
    sum = sum * weight + value * (1 - weight);
    share = share * weight + (1 - weight);
    return sum / share;
  });
}

/** A series from `from` on. */
export function since(series: Series, from: number): Series {
  let start = 0;
  while (start < series.x.length && (series.x[start] ?? 0) < from) start += 1;
  return start === 0 ? series : { ...series, x: series.x.slice(start), y: series.y.slice(start) };
}

/** On a logarithmic axis only what is above zero has a place. */
export function positive(y: readonly (number | null)[]): (number | null)[] {
  return y.map((value) => (value !== null && value > 0 ? value : null));
}

/** All series on one x axis; `undefined` where a series has no point, which its line passes over. */
export function aligned(series: readonly Series[]): [number[], ...(number | null | undefined)[][]] {
  const all = new Set<number>();
  for (const one of series) for (const x of one.x) all.add(x);
  const xs = [...all].sort((a, b) => a - b);
  const place = new Map(xs.map((x, index) => [x, index]));
  const columns = series.map((one) => {
    if (one.x.length === xs.length) return [...one.y];
    const column: (number | null | undefined)[] = new Array(xs.length).fill(undefined);
    one.x.forEach((x, index) => {
      column[place.get(x) as number] = one.y[index] ?? null;
    });
    return column;
  });
  return [xs, ...columns];
}
