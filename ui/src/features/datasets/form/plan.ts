/** How chosen files are sent: a few as they are, many as one archive that the browser makes on the fly. */

import { packTar } from '../upload/tar';
import { kindOf } from './kinds';
import type { Chosen } from './selection';

/** More loose files than this are packed. Platforms take 16 files in one upload unless their operators allow more. */
export const MOST_LOOSE = 16;
export const PACKED_NAME = 'recordings.tar';

export interface PlannedFile {
  name: string;
  blob: Blob;
  /** Number of chosen files in it. */
  holds: number;
}

/** `pack` forces the archive: the platform said that there are too many files. */
export function planUpload(files: readonly Chosen[], { pack = false } = {}): PlannedFile[] {
  const whole = files.filter(({ path }) => isWhole(path));
  const loose = files.filter(({ path }) => !isWhole(path));
  const asIs = ({ path, file }: Chosen): PlannedFile => ({ name: path, blob: file, holds: 1 });
  if (loose.length < 2 || (files.length <= MOST_LOOSE && !pack)) return files.map(asIs);
  const name = freeName(new Set(whole.map(({ path }) => path)));
  return [{ name, blob: packTar(loose), holds: loose.length }, ...whole.map(asIs)];
}

/** Archives and tables of recordings stay as they are: an archive inside of an archive is refused. */
function isWhole(path: string): boolean {
  const kind = kindOf(path);
  return kind === 'archive' || kind === 'columnar';
}

function freeName(taken: ReadonlySet<string>): string {
  let name = PACKED_NAME;
  for (let number = 2; taken.has(name); number += 1) name = PACKED_NAME.replace('.', `-${number}.`);
  return name;
}

export interface Expected {
  name: string;
  size: number;
}

/**
 * The files of an upload that broke off, among those that were chosen again. `missing` names what is not there or has
 * another size.
 */
export function matchUpload(
  expected: readonly Expected[],
  chosen: readonly Chosen[],
): { sources: Map<string, Blob>; missing: string[] } {
  const byPath = new Map(chosen.map(({ path, file }) => [path, file as Blob]));
  const isThere = ({ name, size }: Expected) => byPath.get(name)?.size === size;
  if (!expected.every(isThere)) {
    for (const planned of planUpload(chosen, { pack: true })) {
      if (!byPath.has(planned.name)) byPath.set(planned.name, planned.blob);
    }
  }
  const sources = new Map<string, Blob>();
  const missing: string[] = [];
  for (const each of expected) {
    const blob = byPath.get(each.name);
    if (blob && blob.size === each.size) sources.set(each.name, blob);
    else missing.push(each.name);
  }
  return { sources, missing };
}
