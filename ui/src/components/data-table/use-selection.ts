'use client';

import { useRef, useState } from 'react';

export interface Selection<Row> {
  rows: readonly Row[];
  has: (row: Row) => boolean;
  /** Select or not; with `isRange` (shift) also everything between this row and the last one that was clicked. */
  toggle: (index: number, isRange: boolean) => void;
  all: boolean | 'indeterminate';
  toggleAll: () => void;
  clear: () => void;
}

/** The selected rows among those shown; a row that leaves the list leaves the selection. */
export function useSelection<Row>(rows: readonly Row[], rowKey: (row: Row) => string): Selection<Row> {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<number | null>(null);
  const selected = rows.filter((row) => chosen.has(rowKey(row)));
  return {
    rows: selected,
    has: (row) => chosen.has(rowKey(row)),
    toggle: (index, isRange) => {
      const row = rows[index];
      if (row === undefined) return;
      const next = new Set(chosen);
      const isOn = !chosen.has(rowKey(row));
      const from = isRange && last.current !== null ? last.current : index;
      for (const between of rows.slice(Math.min(from, index), Math.max(from, index) + 1)) {
        if (isOn) next.add(rowKey(between));
        else next.delete(rowKey(between));
      }
      last.current = index;
      setChosen(next);
    },
    all: selected.length === 0 ? false : selected.length === rows.length ? true : 'indeterminate',
    toggleAll: () => setChosen(selected.length === rows.length ? new Set() : new Set(rows.map(rowKey))),
    clear: () => setChosen(new Set()),
  };
}
