export { listSearch, NameCell } from './common';
export { DataTable } from './data-table';
export type { Column, DataTableProps, Filter, RowAction } from './types';
