import type { ReactNode } from 'react';
import type { List } from '@/lib/use-list';

export interface Column<Row> {
  id: string;
  /** Its title, in words. */
  header: string;
  cell: (row: Row) => ReactNode;
  /** Given: the column can be sorted by it. */
  sortValue?: (row: Row) => string | number | null | undefined;
  align?: 'start' | 'end';
  /** A CSS width; unset: what the content needs. */
  width?: string;
  /** The row's name: always shown, links to `rowHref`, the title of its card on phones. Exactly one. */
  isTitle?: boolean;
  /** Hidden until chosen. */
  isHidden?: boolean;
}

export interface Filter {
  id: string;
  /** "Status" */
  label: string;
  /** Empty: no filter. */
  value: string;
  options: readonly { value: string; label: string }[];
  onChange: (value: string) => void;
}

export interface RowAction<Row> {
  label: string;
  icon?: ReactNode;
  /** Does it; or `href` leads there. */
  onSelect?: (row: Row) => void;
  href?: string;
  danger?: boolean;
  disabled?: boolean;
}

export interface DataTableProps<Row> {
  /** The choice of columns is kept under it. */
  id: string;
  /** What it lists: "Training jobs". */
  label: string;
  columns: readonly Column<Row>[];
  list: List<Row>;
  rowKey: (row: Row) => string;
  rowHref?: (row: Row) => string;
  rowActions?: (row: Row) => readonly (RowAction<Row> | null)[];
  search?: { value: string; onChange: (value: string) => void; placeholder?: string };
  filters?: readonly Filter[];
  /** Right of search and filters: the main action. */
  actions?: ReactNode;
  /** Given: rows can be selected, and this is shown for those that are. */
  bulkActions?: (rows: readonly Row[], clear: () => void) => ReactNode;
  /** Shown when there is nothing at all. */
  empty: ReactNode;
}
