'use client';

import type { SweepOut, TrialResult } from '@less-is-more/client';
import { useState } from 'react';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { Segmented } from '@/components/ui/segmented';
import { formatMetric, metricOf } from '@/features/jobs/model/metrics';
import { cn } from '@/lib/cn';
import { formatBytes, formatCompact, formatNumber, plural } from '@/lib/format';
import { COSTS, type Cost } from '../trials';
import { byteUnit, domainOf, ticksOf } from './scale';
import { useWidth } from './use-width';

const HEIGHT = 300;
const LEFT = 56;
const RIGHT = 20;
const TOP = 16;
const BOTTOM = 44;

interface Point {
  trial: TrialResult;
  cost: number;
  value: number;
}

interface ParetoProps {
  sweep: SweepOut;
  primary: string;
  active: number | null;
  onActive: (trial: number | null) => void;
}

/** Quality against cost: each trial a dot, those that no other one beats in both joined by a line. */
export function Pareto({ sweep, primary, active, onActive }: ParetoProps) {
  const [cost, setCost] = useState<Cost>('peak_bytes');
  const points = sweep.trials.flatMap((trial): Point[] => {
    const price = trial[cost];
    return typeof trial.value === 'number' && typeof price === 'number'
      ? [{ trial, cost: price, value: trial.value }]
      : [];
  });
  const front = new Set(sweep.front[cost] ?? []);
  const costWords = COSTS.find((each) => each.value === cost)?.label ?? '';
  return (
    <Card>
      <CardHeader
        title="Quality against cost"
        description="On the line are the trials that no other one beats in both. The others cost more or are worse."
        className="flex-wrap"
        actions={
          <Segmented
            label="Cost"
            value={cost}
            onValueChange={setCost}
            options={COSTS.map(({ value, label }) => ({
              value,
              label: value === 'peak_bytes' ? 'Memory' : 'Parameters',
              ariaLabel: label,
            }))}
          />
        }
      />
      <CardContent>
        {points.length === 0 ? (
          <p className="py-12 text-center text-muted-foreground text-sm">
            The first dots appear when trials have been measured.
          </p>
        ) : (
          <>
            <Plot
              points={points}
              front={front}
              best={sweep.best?.number ?? null}
              primary={primary}
              cost={cost}
              costWords={costWords}
              active={active}
              onActive={onActive}
            />
            <ul className="mt-1 flex flex-wrap gap-x-5 gap-y-1 text-muted-foreground text-xs" aria-hidden>
              <li className="flex items-center gap-1.5">
                <span className="size-2.5 rounded-full bg-chart-1" /> On the front
              </li>
              <li className="flex items-center gap-1.5">
                <span className="size-2.5 rounded-full border-2 border-neutral" /> Beaten by another
              </li>
              <li className="flex items-center gap-1.5">
                <span className="flex size-4 items-center justify-center rounded-full border-2 border-chart-1">
                  <span className="size-1.5 rounded-full bg-chart-1" />
                </span>
                Best trial
              </li>
            </ul>
          </>
        )}
      </CardContent>
    </Card>
  );
}

function formatCost(cost: Cost, value: number): string {
  return cost === 'peak_bytes' ? formatBytes(value) : formatCompact(value);
}

interface PlotProps {
  points: readonly Point[];
  front: ReadonlySet<number>;
  best: number | null;
  primary: string;
  cost: Cost;
  costWords: string;
  active: number | null;
  onActive: (trial: number | null) => void;
}

function Plot(props: PlotProps) {
  const [ref, width] = useWidth<HTMLDivElement>();
  return (
    <div ref={ref} style={{ height: HEIGHT }}>
      {width !== null && width > 0 && <Drawing {...props} width={width} />}
    </div>
  );
}

function Drawing({
  points,
  front,
  best,
  primary,
  cost,
  costWords,
  active,
  onActive,
  width,
}: PlotProps & { width: number }) {
  const metric = metricOf(primary);
  const xs = domainOf(points.map((point) => point.cost));
  const ys = domainOf(points.map((point) => point.value));
  const x = (value: number) => LEFT + ((value - xs[0]) / (xs[1] - xs[0])) * (width - LEFT - RIGHT);
  const y = (value: number) =>
    HEIGHT - BOTTOM - ((value - ys[0]) / (ys[1] - ys[0])) * (HEIGHT - TOP - BOTTOM);
  const unit = cost === 'peak_bytes' ? byteUnit(xs) : null;
  const xTicks = ticksOf(xs, Math.max(2, Math.floor(width / 140)), unit?.size ?? 1);
  const yTicks = ticksOf(ys, 4);
  const line = points
    .filter((point) => front.has(point.trial.number))
    .sort((a, b) => a.cost - b.cost)
    .map((point) => `${x(point.cost)},${y(point.value)}`)
    .join(' ');
  const shown = points.find((point) => point.trial.number === active);
  return (
    <svg
      width={width}
      height={HEIGHT}
      role="img"
      aria-label={`${metric.title} against ${costWords.toLowerCase()} of ${plural(points.length, 'trial')}; ${front.size} on the front. The table below has all values.`}
      className="tabular overflow-visible"
    >
      {yTicks.map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} className="stroke-chart-grid" />
          <text x={LEFT - 8} y={y(tick) + 4} textAnchor="end" className="fill-muted-foreground text-2xs">
            {formatMetric(primary, tick)}
          </text>
        </g>
      ))}
      {xTicks.map((tick) => (
        <text
          key={tick}
          x={x(tick)}
          y={HEIGHT - BOTTOM + 18}
          textAnchor="middle"
          className="fill-muted-foreground text-2xs"
        >
          {unit ? `${formatNumber(tick / unit.size)} ${unit.name}` : formatCompact(tick)}
        </text>
      ))}
      <text
        x={(LEFT + width - RIGHT) / 2}
        y={HEIGHT - 6}
        textAnchor="middle"
        className="fill-muted-foreground text-xs"
      >
        {costWords} (less is better)
      </text>
      <text x={LEFT} y={TOP - 5} className="fill-muted-foreground text-xs">
        {metric.title} ({metric.better} is better)
      </text>
      <polyline points={line} fill="none" strokeWidth={1.5} className="stroke-chart-1" />
      {points.map((point) => {
        const { number } = point.trial;
        const isFront = front.has(number);
        return (
          <g
            key={number}
            onPointerEnter={() => onActive(number)}
            onPointerLeave={() => onActive(null)}
            transform={`translate(${x(point.cost)} ${y(point.value)})`}
          >
            <circle r={14} fill="transparent" />
            {number === best && <circle r={9} fill="none" strokeWidth={2} className="stroke-chart-1" />}
            <circle
              r={number === active ? 6.5 : 5}
              strokeWidth={2}
              className={cn(
                isFront ? 'fill-chart-1 stroke-chart-1' : 'fill-card stroke-neutral',
                number === active && 'stroke-foreground',
              )}
            />
          </g>
        );
      })}
      {shown && (
        <Note
          x={x(shown.cost)}
          y={y(shown.value)}
          width={width}
          lines={[
            `Trial ${shown.trial.number}`,
            `${metric.title} ${formatMetric(primary, shown.value)}`,
            formatCost(cost, shown.cost),
          ]}
        />
      )}
    </svg>
  );
}

/** What the dot under the pointer is, beside it. */
function Note({ x, y, width, lines }: { x: number; y: number; width: number; lines: readonly string[] }) {
  const size = { width: 112, height: 16 * lines.length + 10 };
  const left = x + 14 + size.width > width ? x - 14 - size.width : x + 14;
  const top = Math.min(Math.max(y - size.height / 2, 0), HEIGHT - size.height);
  return (
    <g transform={`translate(${left} ${top})`} pointerEvents="none">
      <rect {...size} rx={6} className="fill-foreground" />
      {lines.map((text, index) => (
        <text
          key={text}
          x={8}
          y={17 + 16 * index}
          className={cn('fill-background text-xs', index === 0 && 'font-semibold')}
        >
          {text}
        </text>
      ))}
    </g>
  );
}
