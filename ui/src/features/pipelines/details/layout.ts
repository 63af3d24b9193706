/** Where the stages of a pipeline stand in its graph. */

export interface Stage {
  name: string;
  needs: readonly string[];
}

export interface Place {
  name: string;
  /** Stages before it on the longest way: its column. */
  column: number;
  /** Place within its column, from above. */
  row: number;
}

export interface Layout {
  places: Map<string, Place>;
  columns: number;
  rows: number;
}

/** Each stage right of all that it needs; within a column in their own order. */
export function layoutOf(stages: readonly Stage[]): Layout {
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  const columns = new Map<string, number>();
  const columnOf = (name: string, above: ReadonlySet<string>): number => {
    const known = columns.get(name);
    if (known !== undefined) return known;
    const needs = (byName.get(name)?.needs ?? []).filter((need) => byName.has(need) && !above.has(need));
    const column = Math.max(-1, ...needs.map((need) => columnOf(need, new Set([...above, name])))) + 1;
    columns.set(name, column);
    return column;
  };
  const taken = new Map<number, number>();
  const places = new Map<string, Place>();
  for (const { name } of stages) {
    const column = columnOf(name, new Set([name]));
    const row = taken.get(column) ?? 0;
    taken.set(column, row + 1);
    places.set(name, { name, column, row });
  }
  return { places, columns: taken.size, rows: Math.max(0, ...taken.values()) };
}
