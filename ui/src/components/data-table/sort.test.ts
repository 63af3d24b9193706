import { describe, expect, it } from 'vitest';
import { nextSort, sorted } from './sort';
import type { Column } from './types';

interface Row {
  name: string;
  size: number | null;
}
const columns: Column<Row>[] = [
  { id: 'name', header: 'Name', cell: (row) => row.name, sortValue: (row) => row.name },
  { id: 'size', header: 'Size', cell: (row) => row.size, sortValue: (row) => row.size },
];
const rows: Row[] = [
  { name: 'run 10', size: 3 },
  { name: 'Run 2', size: null },
  { name: 'run 1', size: 20 },
];
const names = (list: readonly Row[]) => list.map((row) => row.name);

describe('sorting of a table', () => {
  it('reads numbers in names as numbers, and ignores case', () => {
    expect(names(sorted(rows, columns, { column: 'name', descending: false }))).toEqual([
      'run 1',
      'Run 2',
      'run 10',
    ]);
  });

  it('keeps rows without a value at the end in both directions', () => {
    expect(names(sorted(rows, columns, { column: 'size', descending: false }))).toEqual([
      'run 10',
      'run 1',
      'Run 2',
    ]);
    expect(names(sorted(rows, columns, { column: 'size', descending: true }))).toEqual([
      'run 1',
      'run 10',
      'Run 2',
    ]);
  });

  it('returns to the order of the platform with the third click', () => {
    const first = nextSort(null, 'size');
    const second = nextSort(first, 'size');
    expect([first, second, nextSort(second, 'size')]).toEqual([
      { column: 'size', descending: false },
      { column: 'size', descending: true },
      null,
    ]);
  });
});
