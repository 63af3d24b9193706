/** A curve at a glance, without a chart library: its course, its ends, its smallest and largest value. */

interface SketchProps {
  /** "Loss by step" */
  label: string;
  x: readonly number[];
  y: readonly (number | null)[];
  xFormat: (value: number) => string;
  yFormat: (value: number) => string;
}

const WIDTH = 300;
const HEIGHT = 110;

/** The course of a curve as an SVG path in a box of WIDTH x HEIGHT; a gap where nothing was measured. */
export function courseOf(x: readonly number[], y: readonly (number | null)[]): string {
  const { low, high } = rangeOf(y);
  const [first = 0, last = 0] = [x[0], x.at(-1)];
  const across = last > first ? WIDTH / (last - first) : 0;
  const up = high > low ? HEIGHT / (high - low) : 0;
  let isDown = false;
  let path = '';
  y.forEach((value, index) => {
    if (value === null) {
      isDown = false;
      return;
    }
    const left = ((x[index] ?? first) - first) * across;
    const top = up === 0 ? HEIGHT / 2 : HEIGHT - (value - low) * up;
    path += `${isDown ? 'L' : 'M'}${left.toFixed(1)} ${top.toFixed(1)}`;
    isDown = true;
  });
  return path;
}

function rangeOf(y: readonly (number | null)[]): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of y) {
    if (value === null) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}

export function Sketch({ label, x, y, xFormat, yFormat }: SketchProps) {
  const { low, high } = rangeOf(y);
  const last = y.findLast((value) => value !== null) ?? null;
  const words =
    last === null ? 'nothing measured' : `now ${yFormat(last)}, from ${yFormat(low)} to ${yFormat(high)}`;
  return (
    <figure aria-label={`${label}: ${words}`} className="min-w-0">
      <div className="tabular grid grid-cols-[auto_1fr] gap-x-2 text-2xs text-muted-foreground">
        <div className="flex flex-col justify-between text-right" aria-hidden>
          <span>{yFormat(high)}</span>
          {high > low && <span>{yFormat(low)}</span>}
        </div>
        <svg
          viewBox={`0 -3 ${WIDTH} ${HEIGHT + 6}`}
          preserveAspectRatio="none"
          className="h-36 w-full overflow-visible border-b border-l"
          aria-hidden
        >
          <path
            d={courseOf(x, y)}
            fill="none"
            stroke="var(--chart-1)"
            strokeWidth={1.75}
            strokeLinejoin="round"
            vectorEffect="non-scaling-stroke"
          />
        </svg>
        <span />
        <div className="mt-1 flex justify-between" aria-hidden>
          <span>{xFormat(x[0] ?? 0)}</span>
          <span>{xFormat(x.at(-1) ?? 0)}</span>
        </div>
      </div>
    </figure>
  );
}
