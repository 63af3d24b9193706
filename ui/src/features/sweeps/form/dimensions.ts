/** The rows of the search as somebody types them, and the dimensions that the platform takes. */

import type { SearchConfig } from '@less-is-more/client';
import { faultsOf } from '@/features/training/schema-form/check';
import type { Json } from '@/features/training/schema-form/json';
import type { SearchField } from './fields';

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
export function faultsOfRows(rows: readonly Row[], fields: readonly SearchField[]): Map<string, string> {
  const faults = new Map<string, string>();
  for (const [index, row] of rows.entries()) {
    const path = row.path.trim();
    const field = fields.find((each) => each.path === path);
    if (path === '') faults.set(`${index}.path`, 'Choose the setting to search.');
    else if (rows.findIndex((other) => other.path.trim() === path) < index)
      faults.set(`${index}.path`, 'This setting is searched above already.');
    else if (!field)
      faults.set(`${index}.path`, 'The settings below have no such field. Choose another one.');
    else for (const [name, message] of faultsOfValues(row, field)) faults.set(`${index}.${name}`, message);
  }
  return faults;
}

/** What is wrong with the values of a row, by its fields. */
function faultsOfValues(row: Row, field: SearchField): Map<string, string> {
  const faults = new Map<string, string>();
  const wrong = (value: Json | undefined) => faultsOf(field.node, value)[0]?.message;
  if (row.type === 'choice') {
    const values = valuesIn(row.values);
    if (values.length === 0) faults.set('values', 'List the values to try, separated by commas.');
    const found = values.find((value) => wrong(value) !== undefined);
    if (found !== undefined) faults.set('values', `${JSON.stringify(found)}: ${wrong(found)}`);
    return faults;
  }
  const low = numberIn(row.low);
  const high = numberIn(row.high);
  for (const [name, value] of [['low', low] as const, ['high', high] as const]) {
    const message = wrong(value);
    if (message !== undefined) faults.set(name, message);
  }
  if (typeof low === 'number' && typeof high === 'number' && high <= low)
    faults.set('high', `Enter more than ${row.low.trim()}.`);
  if (row.type === 'grid' && !(Number.isInteger(Number(row.points)) && Number(row.points) >= 2))
    faults.set('points', 'Enter a whole number from 2.');
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
