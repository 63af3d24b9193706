'use client';

import { Columns3, Search, X } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { NativeSelect } from '@/components/ui/native-select';
import { OnDemand } from '@/components/ui/on-demand';
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

const loadColumnMenu = () => import('./column-menu');
const COLUMN_BUTTON = {
  variant: 'ghost',
  size: 'icon',
  'aria-label': 'Choose columns',
  children: <Columns3 aria-hidden />,
} as const;

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
        <NativeSelect
          key={filter.id}
          aria-label={filter.label}
          className="max-w-full"
          value={filter.value}
          onValueChange={filter.onChange}
          options={[{ value: '', label: `${filter.label}: any` }, ...filter.options]}
        />
      ))}
      <div className="ml-auto flex items-center gap-2">
        {isWide && (
          <OnDemand
            load={loadColumnMenu}
            button={COLUMN_BUTTON}
            props={{
              columns: columns.filter((column) => !column.isTitle).map(({ id, header }) => ({ id, header })),
              hidden,
              onHiddenChange,
            }}
          />
        )}
        {actions}
      </div>
    </div>
  );
}
