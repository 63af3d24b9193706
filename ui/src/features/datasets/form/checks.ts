/** What can be said about chosen files before anything is sent. */

import { formatBytes, formatCount, plural } from '@/lib/format';
import { taskWords } from '../tasks';
import { type FileKind, kindOf } from './kinds';
import type { Selection } from './selection';

export interface Remark {
  /** An error must be cured first; a warning may be meant so. */
  tone: 'danger' | 'warning' | 'info';
  title: string;
  cure?: string;
}

export interface Summary {
  count: number;
  bytes: number;
  byKind: Record<FileKind, number>;
  /** Folders that hold the recordings directly: classes, if they are meant so. */
  folders: Map<string, number>;
}

/** The platform's limits of a file's name. */
const LONGEST_NAME = 255;

export function summarise(selection: Selection): Summary {
  const byKind: Record<FileKind, number> = { audio: 0, table: 0, columnar: 0, archive: 0, other: 0 };
  const folders = new Map<string, number>();
  let bytes = 0;
  for (const { path, file } of selection.files) {
    const kind = kindOf(path);
    byKind[kind] += 1;
    bytes += file.size;
    const folder = path.split('/').at(-2);
    if (kind === 'audio' && folder !== undefined) folders.set(folder, (folders.get(folder) ?? 0) + 1);
  }
  return { count: selection.files.length, bytes, byKind, folders };
}

interface Limits {
  /** What is left of the account's storage; null: not known yet. */
  freeBytes: number | null;
}

export function remarks(selection: Selection, task: string, { freeBytes }: Limits): Remark[] {
  if (selection.files.length === 0) return [];
  const { bytes, byKind, folders } = summarise(selection);
  const found: Remark[] = [];
  const holdsRecordings = byKind.audio + byKind.columnar + byKind.archive;
  if (holdsRecordings === 0) {
    found.push({
      tone: 'danger',
      title: `No recordings among ${plural(selection.files.length, 'file')}`,
      cure: 'Add WAV, FLAC, OGG, MP3 or M4A files, an archive (zip, tar) that holds them, or Parquet.',
    });
  }
  const long = selection.files.filter(({ path }) => path.length > LONGEST_NAME);
  if (long.length > 0) {
    found.push({
      tone: 'danger',
      title: `${plural(long.length, 'path')} longer than ${LONGEST_NAME} characters`,
      cure: `Shorten the names of folders or files: ${long[0]?.path.slice(0, 60)} …`,
    });
  }
  // A file is kept as it came, and once more as it is made ready for training.
  const needed = 2 * bytes;
  if (freeBytes !== null && needed > freeBytes) {
    found.push({
      tone: 'danger',
      title: `Not enough storage: ${formatBytes(needed)} are needed, ${formatBytes(Math.max(0, freeBytes))} are free`,
      cure: 'The files and the version that is made of them are kept. Delete datasets or jobs that you no longer need, or ask the administrator for more.',
    });
  }
  const empty = selection.files.filter(({ file }) => file.size === 0);
  if (empty.length > 0) {
    found.push({
      tone: 'warning',
      title: `${plural(empty.length, 'empty file')}`,
      cure: `The platform will leave them out: ${named(empty.map(({ path }) => path))}.`,
    });
  }
  if (byKind.audio > 0 && byKind.table === 0 && byKind.archive + byKind.columnar === 0) {
    found.push(withoutTable(task, folders));
  }
  if (selection.skipped > 0) {
    found.push({
      tone: 'info',
      title: `${plural(selection.skipped, 'hidden or system file')} left out`,
    });
  }
  return found;
}

function withoutTable(task: string, folders: Summary['folders']): Remark {
  if (task === 'audio_classification' && folders.size > 1) {
    const largest = [...folders].sort((a, b) => b[1] - a[1]);
    return {
      tone: 'info',
      title: `${formatCount(folders.size)} folders become classes`,
      cure: `${named(largest.map(([name, count]) => `${name} (${count})`))}.`,
    };
  }
  const needs = taskWords(task).needs;
  return {
    tone: 'warning',
    title: task === 'audio_classification' ? 'No classes found' : 'No file with texts found',
    cure:
      task === 'audio_classification'
        ? `Each recording needs ${needs}. Put the recordings of each class into a folder of its name, or add a metadata.csv with the columns file_name and label.`
        : `Each recording needs ${needs}. Add a metadata.csv with the columns file_name and ${task === 'speech_to_text' ? 'text' : 'caption'}, or a text file beside each recording. Otherwise only names such as turn-left_anna_3.wav can tell it.`,
  };
}

/** The first of many names, and the number of the others. */
export function named(names: readonly string[], most = 4): string {
  const rest = names.length - most;
  return names.slice(0, most).join(', ') + (rest > 0 ? ` and ${formatCount(rest)} more` : '');
}
