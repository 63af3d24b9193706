'use client';

import type { TrialResult } from '@less-is-more/client';
import { formatMetric, metricOf } from '@/features/jobs/model/metrics';
import { cn } from '@/lib/cn';
import { plural } from '@/lib/format';
import type { Standing } from '../trials';
import type { Axis } from './axes';
import { domainOf, placeIn, ticksOf } from './scale';
import { useWidth } from './use-width';

export const HEIGHT = 300;
const LEFT = 58;
const RIGHT = 22;
const TOP = 22;
const BOTTOM = 44;
/** Space of a label below the axis. */
const TICK_PX = 96;

export interface Point {
  trial: TrialResult;
  x: number;
  value: number;
  /** Null where the axis has no front. */
  standing: Standing | null;
  /** What to say of it beside its numbers. */
  words: string | null;
}

interface PlotProps {
  points: readonly Point[];
  axis: Axis;
  primary: string;
  best: number | null;
  active: number | null;
  onActive: (trial: number | null) => void;
}

export function Plot(props: PlotProps) {
  const [ref, width] = useWidth<HTMLDivElement>();
  return (
    <div ref={ref} className="relative" style={{ height: HEIGHT }}>
      {width !== null && width > 0 && <Drawing {...props} width={width} />}
    </div>
  );
}

function Drawing({ points, axis, primary, best, active, onActive, width }: PlotProps & { width: number }) {
  const metric = metricOf(primary);
  const xs = domainOf(
    points.map((point) => point.x),
    axis.isLog,
  );
  const ys = domainOf(points.map((point) => point.value));
  const right = width - RIGHT;
  const bottom = HEIGHT - BOTTOM;
  const x = (value: number) => LEFT + placeIn(value, xs, axis.isLog) * (right - LEFT);
  const y = (value: number) => bottom - placeIn(value, ys) * (bottom - TOP);
  const xTicks = axis.ticks(xs, Math.max(2, Math.floor((right - LEFT) / TICK_PX)));
  const yTicks = ticksOf(ys, 4);
  const front = points.filter((point) => point.standing?.kind === 'front').sort((a, b) => a.x - b.x);
  // Steps: until the next trial on the front, nothing better is to be had for more cost.
  const steps = front
    .map((point, index) =>
      index === 0 ? `M ${x(point.x)} ${y(point.value)}` : `H ${x(point.x)} V ${y(point.value)}`,
    )
    .join(' ');
  const shown = points.find((point) => point.trial.number === active);
  const direction = axis.cost === null ? '' : ' (less is better)';
  return (
    <>
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`${metric.title} against ${axis.label.toLowerCase()} of ${plural(points.length, 'trial')}${
          axis.cost === null ? '' : `; ${front.length} on the front`
        }. The table below has all values.`}
        className="tabular"
      >
        {yTicks.map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={right} y1={y(tick)} y2={y(tick)} className="stroke-chart-grid" />
            <text x={LEFT - 8} y={y(tick) + 4} textAnchor="end" className="fill-muted-foreground text-2xs">
              {formatMetric(primary, tick)}
            </text>
          </g>
        ))}
        {xTicks.map((tick) => (
          <g key={tick.value}>
            <line
              x1={x(tick.value)}
              x2={x(tick.value)}
              y1={bottom}
              y2={bottom + 4}
              className="stroke-border-strong"
            />
            <text
              x={x(tick.value)}
              y={bottom + 17}
              textAnchor="middle"
              className="fill-muted-foreground text-2xs"
            >
              {tick.text}
            </text>
          </g>
        ))}
        <line x1={LEFT} x2={right} y1={bottom} y2={bottom} className="stroke-border-strong" />
        <text
          x={(LEFT + right) / 2}
          y={HEIGHT - 6}
          textAnchor="middle"
          className="fill-muted-foreground text-xs"
        >
          {axis.label}
          {direction}
        </text>
        <text x={8} y={11} className="fill-muted-foreground text-xs">
          {metric.title} ({metric.better} is better)
        </text>
        {steps && <path d={steps} fill="none" strokeWidth={1.5} className="stroke-chart-1" />}
        {points.map(({ trial, x: at, value, standing }) => {
          const isFront = standing === null || standing.kind === 'front' || standing.kind === 'level';
          const isDone = trial.state === 'finished';
          return (
            <g
              key={trial.number}
              data-trial={trial.number}
              onPointerEnter={() => onActive(trial.number)}
              onPointerLeave={() => onActive(null)}
              transform={`translate(${x(at)} ${y(value)})`}
            >
              <circle r={14} fill="transparent" />
              {trial.number === best && (
                <circle r={9.5} fill="none" strokeWidth={2} className="stroke-chart-1" />
              )}
              <circle
                r={trial.number === active ? 6.5 : 5}
                strokeWidth={2}
                {...(isDone ? {} : { strokeDasharray: '2.5 2' })}
                className={cn(
                  isDone && isFront ? 'fill-chart-1 stroke-chart-1' : 'fill-card stroke-neutral',
                  trial.number === active && 'stroke-foreground',
                )}
              />
            </g>
          );
        })}
      </svg>
      {shown && (
        <Note
          left={x(shown.x)}
          top={y(shown.value)}
          width={width}
          title={`Trial ${shown.trial.number}${shown.trial.number === best ? ', best' : ''}`}
          lines={[
            `${metric.title} ${formatMetric(primary, shown.value)} · ${axis.format(shown.x)}`,
            ...(shown.words ? [shown.words] : []),
          ]}
        />
      )}
    </>
  );
}

const NOTE_PX = 210;

/** What the dot under the pointer is, beside it. */
function Note({
  left,
  top,
  width,
  title,
  lines,
}: {
  left: number;
  top: number;
  width: number;
  title: string;
  lines: readonly string[];
}) {
  const beside = left + 16 + NOTE_PX > width ? Math.max(0, left - 16 - NOTE_PX) : left + 16;
  // Where neither side has room, below or above the dot.
  const covers = beside < left && beside + NOTE_PX > left;
  const place = covers
    ? { left: Math.min(Math.max(0, left - NOTE_PX / 2), Math.max(0, width - NOTE_PX)), top: top + 16 }
    : { left: beside, top: Math.min(Math.max(top - 28, 0), HEIGHT - 76) };
  return (
    <div
      className="tabular pointer-events-none absolute z-10 rounded-md bg-foreground px-2.5 py-1.5 text-background text-xs shadow-overlay"
      style={{ ...place, width: NOTE_PX }}
    >
      <p className="font-semibold">{title}</p>
      {lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
    </div>
  );
}
