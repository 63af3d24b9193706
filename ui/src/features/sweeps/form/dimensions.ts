/** The rows of the search as somebody types them, and the dimensions that the platform takes. */

import type { SearchConfig } from '@less-is-more/client';
import type { Json } from '@/features/training/schema-form/json';
import type { Node } from '@/features/training/schema-form/node';

export type Kind = 'loguniform' | 'uniform' | 'choice' | 'grid';

export interface Row {
  key: number;
  path: string;
  type: Kind;
  low: string;
  high: string;
  points: string;
  isWhole: boolean;
  isLog: boolean;
  values: string;
}

export const KINDS: readonly { value: Kind; label: string; description: string }[] = [
  {
    value: 'loguniform',
    label: 'Range, by size',
    description: 'Numbers between two, small ones as likely as large ones: learning rates, weights',
  },
  { value: 'uniform', label: 'Range', description: 'Numbers between two, all equally likely' },
  { value: 'choice', label: 'List', description: 'One of the values that you list' },
  { value: 'grid', label: 'Grid', description: 'Evenly spaced numbers' },
];

export function newRow(key: number, changes: Partial<Row> = {}): Row {
  return {
    key,
    path: '',
    type: 'choice',
    low: '',
    high: '',
    points: '3',
    isWhole: false,
    isLog: false,
    values: '',
    ...changes,
  };
}

/** A number where it is one; else the text, so that the platform says what is wrong with it; unset where it is empty. */
function numberIn(text: string): number | string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : trimmed;
}

/** Values of a list: `4, 8, 16`, words, `true`, and whole lists in brackets. */
export function valuesIn(text: string): Json[] {
  return text
    .split(/,(?![^[]*\])/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      try {
        return JSON.parse(part) as Json;
      } catch {
        return part;
      }
    });
}

function dimensionOf(row: Row): Record<string, unknown> {
  if (row.type === 'choice') return { type: row.type, values: valuesIn(row.values) };
  const range = { type: row.type, low: numberIn(row.low), high: numberIn(row.high), whole: row.isWhole };
  return row.type === 'grid' ? { ...range, points: numberIn(row.points), log: row.isLog } : range;
}

export function dimensionsOf(rows: readonly Row[]): SearchConfig['dimensions'] {
  return Object.fromEntries(
    rows.map((row) => [row.path.trim(), dimensionOf(row)]),
  ) as SearchConfig['dimensions'];
}

/** Trials of a grid: every combination; null where a row is not complete or has endless values. */
export function combinationsOf(rows: readonly Row[]): number | null {
  let count = 1;
  for (const row of rows) {
    const own =
      row.type === 'choice' ? valuesIn(row.values).length : row.type === 'grid' ? Number(row.points) : 0;
    if (!Number.isInteger(own) || own < 1) return null;
    count *= own;
  }
  return count;
}

/** What is wrong with the rows before the platform is asked, by row and field. */
export function faultsOfRows(rows: readonly Row[]): Map<string, string> {
  const faults = new Map<string, string>();
  rows.forEach((row, index) => {
    const path = row.path.trim();
    if (path === '')
      faults.set(`${index}.path`, 'Name the setting to search, such as optimizer.learning_rate.');
    else if (rows.findIndex((other) => other.path.trim() === path) < index)
      faults.set(`${index}.path`, 'This setting is searched above already.');
  });
  return faults;
}

/** Where a fault of the platform belongs: `0.low` for a row's field; null where it belongs to no row. */
export function placeOf(path: string, rows: readonly Row[]): string | null {
  const start = 'search.dimensions.';
  if (!path.startsWith(start)) return null;
  const rest = path.slice(start.length);
  let best = -1;
  rows.forEach((row, index) => {
    const own = row.path.trim();
    const isInside = own !== '' && (rest === own || rest.startsWith(`${own}.`));
    if (isInside && own.length > (rows[best]?.path.trim().length ?? 0)) best = index;
  });
  if (best < 0) return null;
  const field = rest.slice((rows[best]?.path.trim().length ?? 0) + 1).split('.')[0] ?? '';
  return `${best}.${['low', 'high', 'values', 'points'].includes(field) ? field : 'path'}`;
}

/** Fields that stay the same in all trials, because these could not be compared otherwise. */
const FIXED = new Set(['task', 'split', 'seed', 'evaluation']);

/** Dotted paths of all fields of a training that hold one value. */
export function searchablePaths(root: Node): string[] {
  const found = new Set<string>();
  const walk = (nodes: readonly Node[], prefix: string) => {
    for (const node of nodes) {
      const path = prefix ? `${prefix}.${node.name}` : node.name;
      if (FIXED.has(path)) continue;
      const { shape } = node;
      if (shape.kind === 'object') walk(shape.fields, path);
      else if (shape.kind === 'union') for (const branch of shape.branches) walk(branch.fields, path);
      else if (shape.kind === 'number' || shape.kind === 'switch' || shape.kind === 'choice') found.add(path);
    }
  };
  if (root.shape.kind === 'object') walk(root.shape.fields, '');
  return [...found].sort();
}
