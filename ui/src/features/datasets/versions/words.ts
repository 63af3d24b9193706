/** What made a version from its parent, in words. */

import type { DatasetVersionOut } from '@less-is-more/client';
import { plural } from '@/lib/format';

type Options = Record<string, unknown>;
const GROUPS: [string, string][] = [
  ['limits', 'other limits'],
  ['validation', 'other thresholds'],
  ['split', 'another split'],
  ['language', 'another language'],
];

export function versionWords(version: DatasetVersionOut, all: readonly DatasetVersionOut[]): string {
  const words: string[] = [];
  if (version.decisions.length > 0) words.push(plural(changedItems(version.decisions), 'correction'));
  const parent = all.find(({ number }) => number === version.parent);
  if (parent) {
    for (const [name, text] of GROUPS) {
      if (JSON.stringify(sorted(parent.options, name)) !== JSON.stringify(sorted(version.options, name)))
        words.push(text);
    }
  }
  return words.join(', ') || 'restored as it was';
}

function changedItems(decisions: readonly Options[]): number {
  return decisions.reduce((sum, { paths, ids }) => {
    const named = (paths ?? ids) as unknown[] | undefined;
    return sum + (named?.length ?? 1);
  }, 0);
}

function sorted(options: Options, name: string): unknown {
  const value = options[name];
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

export interface Difference {
  label: string;
  before: number | null;
  after: number | null;
}

/** Counts of two versions side by side; those that neither has are left out. */
export function differences(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  title: (code: string) => string,
): Difference[] {
  const rows: Difference[] = [];
  const add = (label: string, a: unknown, b: unknown) => {
    const [x, y] = [typeof a === 'number' ? a : null, typeof b === 'number' ? b : null];
    if (x !== null || y !== null) rows.push({ label, before: x, after: y });
  };
  add('Items', before.utterances, after.utterances);
  add('Left out', before.set_aside, after.set_aside);
  add('Audio', before.audio_s, after.audio_s);
  add('Size', before.size, after.size);
  const table = (name: string, words: (key: string) => string) => {
    const a = (before[name] ?? {}) as Options;
    const b = (after[name] ?? {}) as Options;
    for (const key of [...new Set([...Object.keys(a), ...Object.keys(b)])])
      add(words(key), a[key] ?? 0, b[key] ?? 0);
  };
  table('splits', (split) => `Part: ${split}`);
  table('set_aside_by_code', (code) => `Left out: ${title(code).toLowerCase()}`);
  table('labels', (label) => `Class: ${label}`);
  return rows;
}
