import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';

interface KeyValuesProps {
  /** Pairs; a null value leaves the pair out. */
  items: readonly (readonly [label: string, value: ReactNode | null])[];
  className?: string;
}

/** Facts about one thing. */
export function KeyValues({ items, className }: KeyValuesProps) {
  return (
    <dl className={cn('grid grid-cols-[minmax(6rem,max-content)_1fr] gap-x-6 gap-y-2 text-sm', className)}>
      {items
        .filter(([, value]) => value !== null)
        .map(([label, value]) => (
          <div key={label} className="col-span-2 grid grid-cols-subgrid">
            <dt className="text-muted-foreground">{label}</dt>
            <dd className="name tabular min-w-0">{value}</dd>
          </div>
        ))}
    </dl>
  );
}
