'use client';

import { Columns3, Search, X } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from '@/components/ui/button';
import {
  DropdownMenu,
  DropdownMenuCheckboxItem,
  DropdownMenuContent,
  DropdownMenuLabel,
  DropdownMenuTrigger,
} from '@/components/ui/dropdown-menu';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { formatCount } from '@/lib/format';
import { useIsWide } from '@/lib/use-media';
import type { DataTableProps } from './types';

interface ToolbarProps<Row> extends DataTableProps<Row> {
  hidden: string[];
  onHiddenChange: (hidden: string[]) => void;
  /** Actions on the selected rows, in place of search and filters. */
  selected: ReactNode;
  selectedCount: number;
  onClearSelection: () => void;
}

const ANY = '*';

export function Toolbar<Row>(props: ToolbarProps<Row>) {
  const {
    label,
    columns,
    search,
    filters = [],
    actions,
    hidden,
    onHiddenChange,
    selected,
    selectedCount,
    onClearSelection,
  } = props;
  const isWide = useIsWide();
  if (selected) {
    return (
      <div className="flex min-h-8 flex-wrap items-center gap-2 rounded-md bg-primary-soft px-2 py-1">
        <Button variant="ghost" size="icon-sm" aria-label="Clear selection" onClick={onClearSelection}>
          <X aria-hidden />
        </Button>
        <p role="status" className="tabular mr-auto font-medium text-primary-text text-sm">
          {formatCount(selectedCount)} selected
        </p>
        {selected}
      </div>
    );
  }
  return (
    <div className="flex flex-wrap items-center gap-2">
      {search && (
        <div className="relative w-full sm:w-64">
          <Search
            className="pointer-events-none absolute top-2 left-2.5 size-4 text-muted-foreground"
            aria-hidden
          />
          <Input
            type="search"
            aria-label={`Search ${label.toLowerCase()}`}
            placeholder={search.placeholder ?? 'Search by name …'}
            value={search.value}
            onChange={(event) => search.onChange(event.target.value)}
            className="pl-8"
          />
        </div>
      )}
      {filters.map((filter) => (
        <Select
          key={filter.id}
          aria-label={filter.label}
          className="w-auto min-w-32 max-w-full"
          value={filter.value || ANY}
          onValueChange={(value) => filter.onChange(value === ANY ? '' : value)}
          options={[{ value: ANY, label: `${filter.label}: any` }, ...filter.options]}
        />
      ))}
      <div className="ml-auto flex items-center gap-2">
        {isWide && (
          <DropdownMenu>
            <DropdownMenuTrigger asChild>
              <Button variant="ghost" size="icon" aria-label="Choose columns">
                <Columns3 aria-hidden />
              </Button>
            </DropdownMenuTrigger>
            <DropdownMenuContent>
              <DropdownMenuLabel>Columns</DropdownMenuLabel>
              {columns
                .filter((column) => !column.isTitle)
                .map((column) => (
                  <DropdownMenuCheckboxItem
                    key={column.id}
                    checked={!hidden.includes(column.id)}
                    onSelect={(event) => event.preventDefault()}
                    onCheckedChange={(isShown) =>
                      onHiddenChange(
                        isShown ? hidden.filter((id) => id !== column.id) : [...hidden, column.id],
                      )
                    }
                  >
                    {column.header}
                  </DropdownMenuCheckboxItem>
                ))}
            </DropdownMenuContent>
          </DropdownMenu>
        )}
        {actions}
      </div>
    </div>
  );
}
