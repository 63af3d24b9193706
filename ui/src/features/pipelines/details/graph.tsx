'use client';

import type { StageOut } from '@less-is-more/client';
import { StatusBadge } from '@/components/ui/status-badge';
import { cn } from '@/lib/cn';
import { layoutOf } from './layout';

const NODE = { width: 138, height: 62 };
const GAP = { x: 40, y: 18 };

interface GraphProps {
  stages: readonly StageOut[];
  /** The id of the element that tells more about a stage. */
  idOf: (name: string) => string;
}

/** The stages and what they wait for. A stage leads to its row in the list below. */
export function StageGraph({ stages, idOf }: GraphProps) {
  const { places, columns, rows } = layoutOf(stages);
  const width = columns * NODE.width + (columns - 1) * GAP.x;
  const height = rows * NODE.height + (rows - 1) * GAP.y;
  const at = (name: string) => {
    const place = places.get(name);
    if (!place) return null;
    const inColumn = [...places.values()].filter((other) => other.column === place.column).length;
    const top = ((rows - inColumn) * (NODE.height + GAP.y)) / 2;
    return { x: place.column * (NODE.width + GAP.x), y: top + place.row * (NODE.height + GAP.y) };
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section aria-label="Stages and what they wait for" tabIndex={0} className="overflow-x-auto p-4">
      <div className="relative mx-auto" style={{ width, height }}>
        <svg width={width} height={height} aria-hidden className="absolute inset-0">
          {stages.flatMap((stage) =>
            stage.needs.map((need) => {
              const from = at(need);
              const to = at(stage.name);
              if (!from || !to) return null;
              const start = { x: from.x + NODE.width, y: from.y + NODE.height / 2 };
              const end = { x: to.x, y: to.y + NODE.height / 2 };
              const bend = Math.max(GAP.x / 2, (end.x - start.x) / 2);
              const isDone = stages.find((other) => other.name === need)?.status === 'succeeded';
              return (
                <g key={`${need} ${stage.name}`}>
                  <path
                    d={`M ${start.x} ${start.y} C ${start.x + bend} ${start.y} ${end.x - bend} ${end.y} ${end.x - 5} ${end.y}`}
                    fill="none"
                    strokeWidth={1.5}
                    className={isDone ? 'stroke-success' : 'stroke-border-strong'}
                  />
                  <path
                    d={`M ${end.x - 6} ${end.y - 4} L ${end.x} ${end.y} L ${end.x - 6} ${end.y + 4} Z`}
                    className={isDone ? 'fill-success' : 'fill-border-strong'}
                  />
                </g>
              );
            }),
          )}
        </svg>
        {stages.map((stage) => {
          const place = at(stage.name);
          if (!place) return null;
          return (
            <a
              key={stage.name}
              href={`#${idOf(stage.name)}`}
              style={{ left: place.x, top: place.y, ...NODE }}
              className={cn(
                'absolute grid content-center gap-1 rounded-lg border bg-card px-2.5 transition-colors hover:bg-hover',
                stage.status === 'running' && 'border-primary',
                stage.status === 'failed' && 'border-danger',
              )}
            >
              <span title={stage.name} className="truncate font-medium text-sm">
                {stage.name}
              </span>
              <StatusBadge status={stage.status} className="justify-self-start" />
            </a>
          );
        })}
      </div>
    </section>
  );
}
