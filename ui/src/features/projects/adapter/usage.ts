/** How a version of an adapter is used. */

import type { DifferenceOut } from '@less-is-more/client';

/** The first Python code of a model card; null where there is none. */
export function codeOf(card: string): string | null {
  const found = /^```python\n([\s\S]*?)^```/m.exec(card.replaceAll('\r\n', '\n'));
  return found?.[1]?.trimEnd() ?? null;
}

/** A word for a shell, in quotes where it needs them. */
export function shellWord(text: string): string {
  return /^[\w.@%+=:,/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Commands that fetch a version and transcribe with it. `adapter` is its name or id. */
export function transcribeCommands(adapter: string, version: number): string {
  return [
    `lim adapters download ${shellWord(adapter)} adapter --version ${version}`,
    'lim transcribe recording.wav --adapter adapter',
  ].join('\n');
}

const PARTS = [
  { id: 'result', title: 'Figures' },
  { id: 'config', title: 'Training settings' },
  { id: 'data', title: 'Data' },
  { id: 'base', title: 'Base model' },
  { id: 'other', title: 'Code and files' },
] as const;

export interface DifferencePart {
  title: string;
  rows: { path: string; a: string; b: string }[];
}

/** Differences of two versions, by what they are about. Paths lose the part's name. */
export function partsOf(differences: readonly DifferenceOut[]): DifferencePart[] {
  return PARTS.map(({ id, title }) => ({
    title,
    rows: differences
      .filter(({ path }) => (id === 'other' ? !isOfPart(path) : path.startsWith(`${id}.`)))
      .map(({ path, a, b }) => ({
        path: id === 'other' ? path : path.slice(id.length + 1),
        a: shown(path, a),
        b: shown(path, b),
      })),
  })).filter((part) => part.rows.length > 0);
}

function isOfPart(path: string): boolean {
  return PARTS.some(({ id }) => path.startsWith(`${id}.`));
}

function shown(path: string, value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (path === 'files' && Array.isArray(value)) return `${value.length} files`;
  if (typeof value === 'number') return value.toLocaleString('en-GB', { maximumSignificantDigits: 6 });
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
}
