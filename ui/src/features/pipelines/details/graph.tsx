'use client';

import type { StageOut } from '@less-is-more/client';
import { StatusBadge } from '@/components/ui/status-badge';
import { useWidth } from '@/features/sweeps/details/use-width';
import { cn } from '@/lib/cn';
import { drawingOf, layoutOf } from './layout';

interface GraphProps {
  stages: readonly StageOut[];
  /** The id of the element that tells more about a stage. */
  idOf: (name: string) => string;
}

/** Inner distance of the section, both sides. */
const PADDING_PX = 32;

/** The stages and what they wait for. A stage leads to its row in the list below. */
export function StageGraph({ stages, idOf }: GraphProps) {
  const [ref, width] = useWidth<HTMLElement>();
  return (
    <section
      ref={ref}
      aria-label="Stages and what they wait for"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      className="overflow-x-auto p-4"
    >
      {width !== null && <Graph stages={stages} idOf={idOf} spacePx={width - PADDING_PX} />}
    </section>
  );
}

function Graph({ stages, idOf, spacePx }: GraphProps & { spacePx: number }) {
  const { width, height, node, boxes, isVertical } = drawingOf(layoutOf(stages), spacePx);
  return (
    <div className="relative mx-auto" style={{ width, height }}>
      <svg width={width} height={height} aria-hidden className="absolute inset-0">
        {stages.flatMap((stage) =>
          stage.needs.map((need) => {
            const from = boxes.get(need);
            const to = boxes.get(stage.name);
            if (!from || !to) return null;
            const isDone = stages.find((other) => other.name === need)?.status === 'succeeded';
            const start = isVertical
              ? { x: from.x + node.width / 2, y: from.y + node.height }
              : { x: from.x + node.width, y: from.y + node.height / 2 };
            const end = isVertical
              ? { x: to.x + node.width / 2, y: to.y }
              : { x: to.x, y: to.y + node.height / 2 };
            return (
              <g key={`${need} ${stage.name}`}>
                <path
                  d={curve(start, end, isVertical)}
                  fill="none"
                  strokeWidth={1.5}
                  className={isDone ? 'stroke-success' : 'stroke-border-strong'}
                />
                <path
                  d={
                    isVertical
                      ? `M ${end.x - 4} ${end.y - 6} L ${end.x} ${end.y} L ${end.x + 4} ${end.y - 6} Z`
                      : `M ${end.x - 6} ${end.y - 4} L ${end.x} ${end.y} L ${end.x - 6} ${end.y + 4} Z`
                  }
                  className={isDone ? 'fill-success' : 'fill-border-strong'}
                />
              </g>
            );
          }),
        )}
      </svg>
      {stages.map((stage) => {
        const box = boxes.get(stage.name);
        if (!box) return null;
        return (
          <a
            key={stage.name}
            href={`#${idOf(stage.name)}`}
            style={{ left: box.x, top: box.y, ...node }}
            className={cn(
              'absolute grid content-center gap-1 overflow-hidden rounded-lg border bg-card px-2.5 transition-colors hover:bg-hover',
              stage.status === 'running' && 'border-primary',
              stage.status === 'failed' && 'border-danger',
              stage.status === 'waiting' && 'border-dashed',
            )}
          >
            <span title={stage.name} className="truncate font-medium text-sm">
              {stage.name}
            </span>
            <span className="flex items-center gap-1.5 overflow-hidden">
              <StatusBadge status={stage.status} />
              {stage.attempts > 1 && (
                <span className="tabular truncate text-2xs text-muted-foreground">
                  attempt {stage.attempts}
                </span>
              )}
            </span>
            {stage.status === 'running' && (
              <span
                aria-hidden
                className="absolute bottom-0 left-0 h-0.5 bg-primary transition-[width] duration-500"
                style={{ width: `${stage.progress * 100}%` }}
              />
            )}
          </a>
        );
      })}
    </div>
  );
}

interface Point {
  x: number;
  y: number;
}

/** A line that leaves and arrives in the direction of the graph. */
function curve(start: Point, end: Point, isVertical: boolean): string {
  if (isVertical) {
    const bend = Math.max(13, (end.y - start.y) / 2);
    return `M ${start.x} ${start.y} C ${start.x} ${start.y + bend} ${end.x} ${end.y - bend} ${end.x} ${end.y - 5}`;
  }
  const bend = Math.max(18, (end.x - start.x) / 2);
  return `M ${start.x} ${start.y} C ${start.x + bend} ${start.y} ${end.x - bend} ${end.y} ${end.x - 5} ${end.y}`;
}
