'use client';

import { useEffect, useEffectEvent, useMemo, useRef, useState } from 'react';
import { cn } from '@/lib/cn';
import { formatNumber } from '@/lib/format';
import { useTheme } from '@/lib/theme';
import { ChartTable } from './chart-table';
import { Plot } from './plot';
import { aligned, positive, type Series, since, smoothed } from './series';

export interface LineChartProps {
  /** What it shows, for its table and for screen readers: "Training loss by step". */
  label: string;
  series: readonly Series[];
  /** Title of the x axis: "Step". */
  xLabel?: string;
  xFormat?: (value: number) => string;
  yFormat?: (value: number) => string;
  isLog?: boolean;
  /** 0 (as measured) to 0.99; the measured line stays as a faint one behind. */
  smoothing?: number;
  /** Points before this x are left out, so that a high start does not flatten the rest. */
  from?: number;
  /** Charts with the same key move their cursors together. */
  syncKey?: string;
  heightPx?: number;
  /** The section of the x axis that is shown, and how it changes; unset: the chart keeps it to itself. */
  zoom?: readonly [number, number] | null;
  onZoom?: (section: [number, number] | null) => void;
  /** Said below the chart, such as "1,000 of 100,000 points, smallest and largest of each bucket". */
  note?: string | undefined;
  className?: string;
}

const COLORS = 8;

/**
 * Curves on uPlot: 100,000 points draw in about a tenth of a second. A click on a name in the legend hides its curve;
 * the same values stand in a table for those who cannot see it.
 */
export function LineChart({
  label,
  series,
  xLabel = 'Step',
  xFormat = formatNumber,
  yFormat = formatNumber,
  isLog = false,
  smoothing = 0,
  from = 0,
  syncKey,
  heightPx = 240,
  zoom = null,
  onZoom,
  note,
  className,
}: LineChartProps) {
  const { isDark } = useTheme();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<number | null>(null);
  const tellZoom = useEffectEvent((section: [number, number] | null) => onZoom?.(section));

  const cut = useMemo(() => series.map((one) => since(one, from)), [series, from]);
  const lines = useMemo(() => {
    const named = cut.map((one, index) => ({
      ...one,
      color: one.color ?? `--chart-${(index % COLORS) + 1}`,
    }));
    const drawn =
      smoothing > 0
        ? [
            ...named.map((one) => ({ ...one, isFaint: true })),
            ...named.map((one) => ({ ...one, y: smoothed(one.y, smoothing), isFaint: false })),
          ]
        : named.map((one) => ({ ...one, isFaint: false }));
    return isLog ? drawn.map((one) => ({ ...one, y: positive(one.y) })) : drawn;
  }, [cut, smoothing, isLog]);
  const data = useMemo(() => aligned(lines), [lines]);
  /** A plot is built anew when its shape changes; new points go into the one that is there. */
  const shape = JSON.stringify([
    lines.map(({ name, color, isDashed, isFaint }) => [name, color, isDashed, isFaint]),
    isLog,
    xLabel,
    heightPx,
    syncKey,
    isDark,
  ]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` says when lines, scale and theme need a new plot
  useEffect(() => {
    if (!host.current) return;
    const built = new Plot(host.current, {
      lines,
      data,
      isLog,
      xFormat,
      yFormat,
      heightPx,
      syncKey,
      onCursor: setCursor,
      onZoom: (section) => tellZoom(section),
    });
    plot.current = built;
    return () => {
      plot.current = null;
      built.destroy();
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data), [data]);
  const isControlled = onZoom !== undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new plot shows everything, so it is zoomed again
  useEffect(() => {
    if (isControlled) plot.current?.zoom(zoom);
  }, [zoom, isControlled, shape]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new plot shows everything, so what is hidden is hidden again
  useEffect(() => {
    lines.forEach((line, index) => {
      plot.current?.show(index, !hidden.has(line.name));
    });
  }, [hidden, shape]);

  const toggle = (name: string) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };
  const xs = data[0];
  return (
    <figure className={cn('min-w-0', className)} aria-label={label}>
      <div ref={host} aria-hidden className="w-full overflow-hidden" style={{ minHeight: heightPx }} />
      <figcaption className="mt-1.5 flex flex-wrap items-center gap-x-3 gap-y-1 text-xs">
        {cut.map((one, index) => {
          const shown = lines[smoothing > 0 ? index + cut.length : index];
          const at =
            cursor === null
              ? lastValue(shown?.y)
              : (data[(smoothing > 0 ? index + cut.length : index) + 1]?.[cursor] ?? null);
          return (
            <button
              key={one.name}
              type="button"
              aria-pressed={!hidden.has(one.name)}
              onClick={() => toggle(one.name)}
              onMouseEnter={() => plot.current?.highlight(one.name)}
              onMouseLeave={() => plot.current?.highlight(null)}
              className={cn(
                'inline-flex min-h-6 min-w-0 items-center gap-1.5 rounded px-1 hover:bg-hover',
                hidden.has(one.name) && 'line-through opacity-60',
              )}
            >
              <span
                className="h-0.5 w-3 shrink-0 rounded-full"
                style={{ background: `var(${shown?.color ?? '--chart-1'})` }}
              />
              <span className="name text-left">{one.label}</span>
              <span className="tabular text-muted-foreground">
                {at === null || at === undefined ? '' : yFormat(at)}
              </span>
            </button>
          );
        })}
        <span className="tabular ml-auto text-muted-foreground">
          {cursor !== null && xs[cursor] !== undefined ? `${xLabel} ${xFormat(xs[cursor])}` : note}
        </span>
        <ChartTable label={label} series={cut} xLabel={xLabel} xFormat={xFormat} yFormat={yFormat} />
      </figcaption>
    </figure>
  );
}

function lastValue(y: readonly (number | null)[] | undefined): number | null {
  for (let index = (y?.length ?? 0) - 1; index >= 0; index -= 1) {
    const value = y?.[index];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}
