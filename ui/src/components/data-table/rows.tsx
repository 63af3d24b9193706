'use client';

import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { type MouseEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Checkbox } from '@/components/ui/checkbox';
import { cn } from '@/lib/cn';
import { RowMenu } from './row-menu';
import { nextSort, type Sort } from './sort';
import type { DataTableProps } from './types';
import type { Selection } from './use-selection';

interface RowsProps<Row> extends DataTableProps<Row> {
  rows: readonly Row[];
  selection: Selection<Row> | null;
  sort: Sort | null;
  onSort: (sort: Sort | null) => void;
}

const ROW_PX = 44;
/** Longer tables draw only what is in view. */
const VIRTUAL_FROM = 80;

export function Rows<Row>({
  label,
  columns,
  rows,
  rowKey,
  rowHref,
  rowActions,
  selection,
  sort,
  onSort,
  list,
}: RowsProps<Row>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [topPx, setTopPx] = useState(0);
  const router = useRouter();
  useLayoutEffect(() => {
    if (body.current) setTopPx(body.current.getBoundingClientRect().top + window.scrollY);
  }, []);
  const isVirtual = rows.length >= VIRTUAL_FROM;
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_PX,
    overscan: 12,
    scrollMargin: topPx,
    enabled: isVirtual,
  });
  const items = isVirtual ? virtual.getVirtualItems() : rows.map((_, index) => ({ index, start: 0, end: 0 }));
  const beforePx = isVirtual ? (items[0]?.start ?? topPx) - topPx : 0;
  const afterPx = isVirtual ? virtual.getTotalSize() - ((items.at(-1)?.end ?? topPx) - topPx) : 0;
  const lastIndex = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (isVirtual && list.hasMore && lastIndex >= rows.length - 10) list.loadMore();
  }, [isVirtual, lastIndex, rows.length, list]);

  /** A click anywhere in a row follows its link, but for what can be clicked itself, and for selected text. */
  const open = (event: MouseEvent<HTMLTableRowElement>, row: Row) => {
    if (!rowHref || (event.target as Element).closest('a,button,input,label,[role=menuitem],[role=checkbox]'))
      return;
    if (window.getSelection()?.toString()) return;
    if (event.metaKey || event.ctrlKey) window.open(rowHref(row), '_blank');
    else router.push(rowHref(row));
  };
  const width = columns.length + (selection ? 1 : 0) + (rowActions ? 1 : 0);
  return (
    <div className="relative overflow-x-auto rounded-lg border bg-card">
      <table className="w-full border-collapse text-sm" aria-rowcount={list.total ?? -1}>
        <caption className="sr-only">{label}</caption>
        <thead>
          <tr className="border-b">
            {selection && (
              <th scope="col" className="w-9 py-0 pr-0 pl-3 text-left">
                <Checkbox
                  aria-label="Select all rows that are loaded"
                  checked={selection.all}
                  onCheckedChange={selection.toggleAll}
                  className="align-middle"
                />
              </th>
            )}
            {columns.map((column) => (
              <th
                key={column.id}
                scope="col"
                style={column.width ? { width: column.width } : undefined}
                aria-sort={
                  sort?.column === column.id ? (sort.descending ? 'descending' : 'ascending') : undefined
                }
                className={cn(
                  'h-9 whitespace-nowrap px-3 text-left font-medium text-muted-foreground text-xs',
                  column.align === 'end' && 'text-right',
                )}
              >
                {column.sortValue ? (
                  <button
                    type="button"
                    onClick={() => onSort(nextSort(sort, column.id))}
                    className={cn(
                      '-mx-1 inline-flex items-center gap-1 rounded px-1 hover:text-foreground',
                      column.align === 'end' && 'flex-row-reverse',
                    )}
                  >
                    {column.header}
                    {sort?.column === column.id &&
                      (sort.descending ? (
                        <ArrowDown className="size-3" aria-hidden />
                      ) : (
                        <ArrowUp className="size-3" aria-hidden />
                      ))}
                  </button>
                ) : (
                  column.header
                )}
              </th>
            ))}
            {rowActions && (
              <th scope="col" className="w-11">
                <span className="sr-only">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody ref={body}>
          {beforePx > 0 && <Spacer columns={width} heightPx={beforePx} />}
          {items.map(({ index }) => {
            const row = rows[index];
            if (row === undefined) return null;
            return (
              <tr
                key={rowKey(row)}
                aria-rowindex={isVirtual ? index + 2 : undefined}
                onClick={(event) => open(event, row)}
                data-selected={selection?.has(row) || undefined}
                className={cn(
                  'h-11 border-b transition-colors last:border-b-0 hover:bg-hover/60 data-selected:bg-primary-soft',
                  rowHref && 'cursor-pointer',
                )}
              >
                {selection && (
                  <td className="py-0 pr-0 pl-3">
                    <Checkbox
                      aria-label="Select row"
                      checked={selection.has(row)}
                      onClick={(event) => selection.toggle(index, event.shiftKey)}
                      className="align-middle"
                    />
                  </td>
                )}
                {columns.map((column) => (
                  <td
                    key={column.id}
                    className={cn(
                      'px-3 py-1.5',
                      column.align === 'end' && 'text-right',
                      column.isTitle && 'max-w-96',
                    )}
                  >
                    {column.isTitle && rowHref ? (
                      <Link
                        href={rowHref(row)}
                        prefetch={false}
                        className="name line-clamp-2 font-medium hover:underline"
                      >
                        {column.cell(row)}
                      </Link>
                    ) : (
                      column.cell(row)
                    )}
                  </td>
                ))}
                {rowActions && (
                  <td className="py-0 pr-2 text-right">
                    <RowMenu row={row} actions={rowActions(row)} />
                  </td>
                )}
              </tr>
            );
          })}
          {afterPx > 0 && <Spacer columns={width} heightPx={afterPx} />}
        </tbody>
      </table>
    </div>
  );
}

function Spacer({ columns, heightPx }: { columns: number; heightPx: number }) {
  return (
    <tr aria-hidden>
      <td colSpan={columns} style={{ height: heightPx, padding: 0 }} />
    </tr>
  );
}
