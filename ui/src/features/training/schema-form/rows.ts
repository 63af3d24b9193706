/** The fields of a value as a flat list of rows, and which of them are shown. */

import { getAt, type Json, joinPath } from './json';
import { fieldsOf, type Node } from './node';
import type { Level } from './schema';

export interface Row {
  path: string;
  node: Node;
  /** 0: a field of the form itself. */
  depth: number;
  /** `heading`: of an object; `union`: the choice of a branch; `field`: anything with a value of its own. */
  kind: 'heading' | 'union' | 'field';
  /** At least that of what it belongs to. */
  level: Level;
  /** Titles from the outside to the row itself. */
  trail: readonly string[];
}

const RANK: Record<Level, number> = { basic: 0, advanced: 1, expert: 2 };

/** A field and everything inside it, in order. */
export function rowsOf(
  node: Node,
  value: Json | undefined,
  path: string,
  above: { depth: number; level: Level; trail: readonly string[] } = { depth: 0, level: 'basic', trail: [] },
): Row[] {
  const level = RANK[node.level] > RANK[above.level] ? node.level : above.level;
  const trail = [...above.trail, node.title];
  const kind =
    node.shape.kind === 'object' ? 'heading' : node.shape.kind === 'union' ? ('union' as const) : 'field';
  const row: Row = { path, node, depth: above.depth, kind, level, trail };
  return [
    row,
    ...fieldsOf(node, value).flatMap((field) =>
      rowsOf(field, getAt(value, field.name), joinPath(path, field.name), {
        depth: above.depth + 1,
        level,
        trail,
      }),
    ),
  ];
}

export interface View {
  /** The highest level that is shown. */
  level: Level;
  /** Words that must all be in a row's texts; then the level does not matter. Empty: no search. */
  query: string;
  onlyChanged: boolean;
  /** Paths that differ from the default. */
  changed: ReadonlySet<string>;
  /** Paths with a fault; they are always shown. */
  faulty: ReadonlySet<string>;
}

/** The rows that are shown, and how many fields more each level would show. */
export function visibleRows(
  rows: readonly Row[],
  view: View,
): { shown: Row[]; hidden: Record<Level, number> } {
  const hidden: Record<Level, number> = { basic: 0, advanced: 0, expert: 0 };
  const kept = rows.map((row) => {
    if (row.kind === 'heading') return false;
    const isFaulty = touches(view.faulty, row);
    if (view.query) return isFaulty || matches(row, view.query);
    const isChanged = view.changed.has(row.path);
    if (view.onlyChanged) return isFaulty || isChanged;
    if (isFaulty || isChanged || RANK[row.level] <= RANK[view.level]) return true;
    hidden[row.level] += 1;
    return false;
  });
  const shown = rows.filter(
    (row, index) =>
      kept[index] ||
      // A heading, or the choice that a field depends on, goes with what is below it.
      (row.kind !== 'field' &&
        rows.some((other, at) => kept[at] && at > index && other.path.startsWith(`${row.path}.`))),
  );
  return { shown, hidden };
}

function touches(paths: ReadonlySet<string>, row: Row): boolean {
  if (paths.has(row.path)) return true;
  if (row.kind === 'union' && row.node.shape.kind === 'union') {
    return paths.has(joinPath(row.path, row.node.shape.tag));
  }
  // A place in a list or a pair belongs to its field.
  return row.kind === 'field' && [...paths].some((path) => path.startsWith(`${row.path}.`));
}

export function matches(row: Pick<Row, 'node' | 'trail' | 'path'>, query: string): boolean {
  const text = `${row.trail.join(' ')} ${row.path} ${row.node.description}`.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export interface Elsewhere {
  /** Path of the union. */
  path: string;
  title: string;
  branch: string;
  branchTitle: string;
  field: string;
}

/** Fields that a search finds in branches that are not chosen. */
export function foundElsewhere(rows: readonly Row[], value: Json, query: string): Elsewhere[] {
  if (!query) return [];
  return rows.flatMap((row) => {
    const { shape } = row.node;
    if (row.kind !== 'union' || shape.kind !== 'union') return [];
    const chosen = getAt(value, joinPath(row.path, shape.tag));
    const here = new Set(fieldsOf(row.node, getAt(value, row.path)).map((field) => field.name));
    return shape.branches
      .filter((branch) => branch.value !== chosen)
      .flatMap((branch) =>
        branch.fields
          .filter((field) => !here.has(field.name))
          .filter((field) =>
            matches(
              {
                node: field,
                trail: [...row.trail, branch.title, field.title],
                path: joinPath(row.path, field.name),
              },
              query,
            ),
          )
          .map((field) => ({
            path: row.path,
            title: row.node.title,
            branch: branch.value,
            branchTitle: branch.title,
            field: field.title,
          })),
      );
  });
}
