'use client';

import { Search } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from '@/components/ui/button';
import { ErrorState } from '@/components/ui/error-state';
import { Input } from '@/components/ui/input';
import { RadioCard, RadioGroup } from '@/components/ui/radio-group';
import { Skeleton } from '@/components/ui/skeleton';
import { cn } from '@/lib/cn';

interface ChoiceListProps<Row> {
  label: string;
  rows: readonly Row[];
  value: string;
  onChange: (row: Row) => void;
  rowKey: (row: Row) => string;
  render: (row: Row) => {
    title: ReactNode;
    description?: ReactNode;
    aside?: ReactNode;
    whyNot: string | null;
  };
  search: { value: string; onChange: (value: string) => void; placeholder: string };
  filters?: ReactNode;
  /** A filter hides rows: none of them is no empty list. */
  isFiltered?: boolean;
  isLoading: boolean;
  isStale?: boolean;
  error: unknown;
  onRetry: () => void;
  hasMore?: boolean;
  isLoadingMore?: boolean;
  onMore?: () => void;
  /** When there is nothing at all. */
  empty: ReactNode;
  /** When nothing matches the search. */
  none: string;
}

/** Things to choose one of, as cards; those that cannot be chosen say why. */
export function ChoiceList<Row>({
  label,
  rows,
  value,
  onChange,
  rowKey,
  render,
  search,
  filters,
  isFiltered = false,
  isLoading,
  isStale,
  error,
  onRetry,
  hasMore,
  isLoadingMore,
  onMore,
  empty,
  none,
}: ChoiceListProps<Row>) {
  const isEmpty = !isLoading && !error && rows.length === 0;
  if (isEmpty && search.value === '' && !isFiltered) return empty;
  return (
    <div className="grid gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <div className="relative w-full sm:w-72">
          <Search
            className="pointer-events-none absolute top-2 left-2.5 size-4 text-muted-foreground"
            aria-hidden
          />
          <Input
            type="search"
            aria-label={search.placeholder}
            placeholder={search.placeholder}
            value={search.value}
            onChange={(event) => search.onChange(event.target.value)}
            className="pl-8"
          />
        </div>
        {filters}
      </div>
      {error && rows.length === 0 ? (
        <ErrorState error={error} onRetry={onRetry} />
      ) : isLoading ? (
        <div aria-busy="true" className="grid gap-2">
          <p className="sr-only" role="status">
            Loading
          </p>
          {[0, 1, 2, 3].map((n) => (
            <Skeleton key={n} className="h-18 rounded-lg" />
          ))}
        </div>
      ) : isEmpty ? (
        <p role="status" className="py-10 text-center text-muted-foreground text-sm">
          {none}
        </p>
      ) : (
        <RadioGroup
          aria-label={label}
          value={value}
          onValueChange={(key) => {
            const row = rows.find((each) => rowKey(each) === key);
            if (row) onChange(row);
          }}
          className={cn('transition-opacity', isStale && 'opacity-60')}
        >
          {rows.map((row) => {
            const { title, description, aside, whyNot } = render(row);
            return (
              <RadioCard
                key={rowKey(row)}
                value={rowKey(row)}
                disabled={whyNot !== null}
                title={title}
                description={
                  <>
                    {description}
                    {whyNot && <span className="mt-1 block font-medium text-foreground">{whyNot}</span>}
                  </>
                }
                aside={aside}
                className="disabled:cursor-not-allowed disabled:bg-muted/50 disabled:opacity-75"
              />
            );
          })}
        </RadioGroup>
      )}
      {hasMore && (
        <Button onClick={onMore} busy={isLoadingMore ?? false} className="justify-self-center">
          Show more
        </Button>
      )}
    </div>
  );
}
