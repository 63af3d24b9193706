'use client';

import { SearchX } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { ErrorState } from '@/components/ui/error-state';
import { Skeleton } from '@/components/ui/skeleton';
import { formatCount } from '@/lib/format';
import { useStoredState } from '@/lib/stored-state';
import { useIsWide } from '@/lib/use-media';
import { Cards } from './cards';
import { Rows } from './rows';
import { type Sort, sorted } from './sort';
import { Toolbar } from './toolbar';
import type { DataTableProps } from './types';
import { useSelection } from './use-selection';

/**
 * A list of the platform as a table, on phones as cards: search, filters, choice of columns, sorting of what is loaded,
 * selection (shift-click takes a range), actions per row, more rows on demand, and every state a list can be in.
 */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { id, label, columns, list, rowKey, search, filters = [], bulkActions, empty } = props;
  const isWide = useIsWide();
  const [hidden, setHidden] = useStoredState<string[]>(
    `columns.${id}`,
    columns.filter((column) => column.isHidden).map((column) => column.id),
  );
  const [sort, setSort] = useState<Sort | null>(null);
  const shown = useMemo(
    () => columns.filter((column) => column.isTitle || !hidden.includes(column.id)),
    [columns, hidden],
  );
  const rows = useMemo(() => sorted(list.rows, columns, sort), [list.rows, columns, sort]);
  const selection = useSelection(rows, rowKey);
  const isFiltered = Boolean(search?.value) || filters.some((filter) => filter.value !== '');
  const isEmpty = !list.isLoading && !list.error && rows.length === 0;
  if (isEmpty && !isFiltered) {
    return <div className="rounded-lg border border-dashed">{empty}</div>;
  }

  const clear = () => {
    search?.onChange('');
    for (const filter of filters) filter.onChange('');
  };
  const shared = { ...props, rows, columns: shown, selection: bulkActions ? selection : null };
  return (
    <section aria-label={label} className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <Toolbar
        {...props}
        hidden={hidden}
        onHiddenChange={setHidden}
        selected={
          bulkActions && selection.rows.length > 0 ? bulkActions(selection.rows, selection.clear) : null
        }
        selectedCount={selection.rows.length}
        onClearSelection={selection.clear}
      />
      <div
        aria-busy={list.isLoading || list.isStale}
        className={list.isStale ? 'opacity-60 transition-opacity' : 'transition-opacity'}
      >
        {list.error && rows.length === 0 ? (
          <div className="rounded-lg border bg-card">
            <ErrorState error={list.error} onRetry={list.reload} />
          </div>
        ) : list.isLoading ? (
          <LoadingRows columns={isWide ? Math.min(shown.length, 6) : 1} label={label} />
        ) : isEmpty ? (
          <div className="rounded-lg border bg-card">
            <EmptyState
              icon={SearchX}
              title="Nothing matches"
              description="No entry has all of what you ask for."
              actions={<Button onClick={clear}>Clear search and filters</Button>}
            />
          </div>
        ) : isWide ? (
          <Rows {...shared} sort={sort} onSort={setSort} />
        ) : (
          <Cards {...shared} />
        )}
      </div>
      {rows.length > 0 && (
        <div className="flex items-center justify-between gap-3 text-muted-foreground text-xs">
          <p role="status" className="tabular">
            {list.total === null || list.total <= rows.length
              ? `${formatCount(rows.length)} in all`
              : `${formatCount(rows.length)} of ${formatCount(list.total)}`}
            {sort && list.hasMore && ' · sorted among those loaded'}
          </p>
          {list.hasMore && (
            <Button size="sm" onClick={list.loadMore} busy={list.isLoadingMore}>
              Load more
            </Button>
          )}
        </div>
      )}
    </section>
  );
}

function LoadingRows({ columns, label }: { columns: number; label: string }) {
  return (
    <div className="divide-y rounded-lg border bg-card">
      <span className="sr-only" role="status">
        Loading {label.toLowerCase()}
      </span>
      {Array.from({ length: 6 }, (_, row) => (
        <div key={row} className="flex h-11 items-center gap-6 px-3">
          {Array.from({ length: columns }, (_, column) => (
            <Skeleton key={column} className={column === 0 ? 'h-3.5 w-48' : 'h-3.5 w-20'} />
          ))}
        </div>
      ))}
    </div>
  );
}
