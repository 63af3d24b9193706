import { cn } from '@/lib/cn';
import { formatBytes } from '@/lib/format';

export interface BarPart {
  name: string;
  label: string;
  value: number;
  /** Why it is so large, or how to make it smaller. */
  hint?: string;
}

interface BarStackProps {
  /** "Peak memory by part" */
  label: string;
  parts: readonly BarPart[];
  /** What there is; a mark in the bar. Beyond it the bar is red. */
  limit?: { value: number; label: string };
  format?: (value: number) => string;
  className?: string;
}

/** Parts of a whole as one bar with a legend: memory by cause, against what the device has. */
export function BarStack({ label, parts, limit, format = formatBytes, className }: BarStackProps) {
  const total = parts.reduce((sum, part) => sum + part.value, 0);
  const scale = Math.max(total, limit?.value ?? 0) || 1;
  const isOver = limit !== undefined && total > limit.value;
  return (
    <figure aria-label={label} className={cn('grid gap-2.5', className)}>
      <div className="relative" aria-hidden>
        <div
          className={cn(
            'flex h-3 gap-px overflow-hidden rounded-full bg-muted',
            isOver && 'ring-2 ring-danger',
          )}
        >
          {parts.map((part, index) => (
            <div
              key={part.name}
              className="h-full min-w-px transition-[width] duration-300"
              style={{
                width: `${(part.value / scale) * 100}%`,
                background: `var(--chart-${(index % 8) + 1})`,
              }}
            />
          ))}
        </div>
        {limit && (
          <div
            className="absolute -top-1 h-5 w-0.5 rounded bg-foreground"
            style={{ left: `calc(${(limit.value / scale) * 100}% - 2px)` }}
          />
        )}
      </div>
      <figcaption className="text-sm">
        <p className="tabular flex flex-wrap justify-between gap-x-4">
          <span className={cn('font-semibold', isOver && 'text-danger-text')}>{format(total)}</span>
          {limit && (
            <span className="text-muted-foreground">
              {limit.label}: {format(limit.value)}
            </span>
          )}
        </p>
        <ul className="mt-2 grid gap-1 text-xs">
          {parts.map((part, index) => (
            <li key={part.name} className="grid grid-cols-[auto_1fr_auto] items-baseline gap-2">
              <span
                className="size-2 rounded-[2px]"
                style={{ background: `var(--chart-${(index % 8) + 1})` }}
              />
              <span>
                {part.label}
                {part.hint && <span className="block text-muted-foreground">{part.hint}</span>}
              </span>
              <span className="tabular text-muted-foreground">{format(part.value)}</span>
            </li>
          ))}
        </ul>
      </figcaption>
    </figure>
  );
}
