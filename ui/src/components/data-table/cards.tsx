'use client';

import Link from 'next/link';
import { Checkbox } from '@/components/ui/checkbox';
import { cn } from '@/lib/cn';
import { RowMenu } from './row-menu';
import type { DataTableProps } from './types';
import type { Selection } from './use-selection';

interface CardsProps<Row> extends DataTableProps<Row> {
  rows: readonly Row[];
  selection: Selection<Row> | null;
}

/** The rows of a table on a phone. */
export function Cards<Row>({
  label,
  columns,
  rows,
  rowKey,
  rowHref,
  rowActions,
  selection,
}: CardsProps<Row>) {
  const title = columns.find((column) => column.isTitle);
  const rest = columns.filter((column) => column !== title);
  return (
    <ul aria-label={label} className="grid grid-cols-[minmax(0,1fr)] gap-2">
      {rows.map((row, index) => (
        <li
          key={rowKey(row)}
          className={cn(
            'relative rounded-lg border bg-card p-3',
            selection?.has(row) && 'border-primary bg-primary-soft',
          )}
        >
          <div className="flex items-start gap-2.5">
            {selection && (
              <Checkbox
                aria-label="Select"
                checked={selection.has(row)}
                onClick={(event) => selection.toggle(index, event.shiftKey)}
                className="relative z-10 mt-0.5"
              />
            )}
            <div className="name min-w-0 flex-1 font-medium">
              {rowHref ? (
                <Link
                  href={rowHref(row)}
                  prefetch={false}
                  className="after:absolute after:inset-0 after:rounded-lg"
                >
                  {title?.cell(row)}
                </Link>
              ) : (
                title?.cell(row)
              )}
            </div>
            {rowActions && (
              <div className="relative z-10 -mt-1 -mr-1">
                <RowMenu row={row} actions={rowActions(row)} />
              </div>
            )}
          </div>
          <dl className="mt-2 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5 text-sm">
            {rest.map((column) => (
              <div key={column.id} className="col-span-2 grid grid-cols-subgrid items-center">
                <dt className="text-muted-foreground text-xs">{column.header}</dt>
                <dd className="name tabular flex min-w-0 justify-end text-right">{column.cell(row)}</dd>
              </div>
            ))}
          </dl>
        </li>
      ))}
    </ul>
  );
}
