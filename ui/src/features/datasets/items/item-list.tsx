'use client';

import type { DatasetItemOut } from '@less-is-more/client';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { SearchX } from 'lucide-react';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { ErrorState } from '@/components/ui/error-state';
import { Skeleton } from '@/components/ui/skeleton';
import { formatCount } from '@/lib/format';
import type { List } from '@/lib/use-list';
import { type Draft, drafted } from './draft';
import { ItemRow } from './item-row';
import type { Player } from './use-player';

interface ItemListProps {
  list: List<DatasetItemOut>;
  draft: Draft;
  player: Player;
  openPath: string | null;
  onOpen: (item: DatasetItemOut) => void;
  onClear: () => void;
}

const ROW_PX = 60;
const NEAR_END = 15;

/** The items of a version; only what is in view is drawn, and more is loaded as one scrolls. */
export function ItemList({ list, draft, player, openPath, onOpen, onClear }: ItemListProps) {
  const box = useRef<HTMLUListElement>(null);
  const [topPx, setTopPx] = useState(0);
  const { rows, hasMore, loadMore } = list;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what stands above may change with what is shown
  useLayoutEffect(() => {
    if (box.current) setTopPx(box.current.getBoundingClientRect().top + window.scrollY);
  }, [rows.length === 0]);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_PX,
    overscan: 10,
    scrollMargin: topPx,
    getItemKey: (index) => rows[index]?.path ?? index,
  });
  const drawn = virtual.getVirtualItems();
  const lastIndex = drawn.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && rows.length > 0 && lastIndex >= rows.length - NEAR_END) loadMore();
  }, [hasMore, lastIndex, rows.length, loadMore]);

  if (list.error && rows.length === 0)
    return (
      <div className="rounded-lg border bg-card">
        <ErrorState error={list.error} onRetry={list.reload} />
      </div>
    );
  if (list.isLoading)
    return (
      <div className="divide-y rounded-lg border bg-card" aria-busy>
        <span className="sr-only" role="status">
          Loading items
        </span>
        {Array.from({ length: 8 }, (_, index) => (
          <div key={index} className="flex h-14 items-center gap-3 px-3">
            <Skeleton className="size-8 rounded-full" />
            <Skeleton className="h-3.5 w-1/2" />
          </div>
        ))}
      </div>
    );
  if (rows.length === 0)
    return (
      <div className="rounded-lg border bg-card">
        <EmptyState
          icon={SearchX}
          title="No item matches"
          description="No item has all of what you ask for."
          actions={<Button onClick={onClear}>Clear search and filters</Button>}
        />
      </div>
    );
  const showsSplit = rows.some((item) => item.split !== null);
  const showsGroup = rows.some((item) => item.speaker !== null);
  return (
    <div
      className={list.isStale ? 'opacity-60 transition-opacity' : 'transition-opacity'}
      aria-busy={list.isStale}
    >
      <div className="overflow-hidden rounded-lg border bg-card">
        <ul
          ref={box}
          aria-label="Items"
          className="relative w-full"
          style={{ height: virtual.getTotalSize() }}
        >
          {drawn.map(({ index, key, start }) => {
            const item = rows[index];
            if (!item) return null;
            return (
              <li
                key={key}
                ref={virtual.measureElement}
                data-index={index}
                aria-setsize={list.total ?? -1}
                aria-posinset={index + 1}
                className="absolute inset-x-0 top-0 border-b"
                style={{ transform: `translateY(${start - topPx}px)` }}
              >
                <ItemRow
                  item={item}
                  drafted={drafted(item, draft)}
                  player={player}
                  isOpen={item.path === openPath}
                  showsSplit={showsSplit}
                  showsGroup={showsGroup}
                  onOpen={() => onOpen(item)}
                />
              </li>
            );
          })}
        </ul>
      </div>
      <p role="status" className="tabular mt-2 text-muted-foreground text-xs">
        {formatCount(list.total)} {list.total === 1 ? 'item' : 'items'}
      </p>
    </div>
  );
}
