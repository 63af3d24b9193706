/** Chosen files: from a picker, a folder, or dropped, with their paths inside of the folder that was chosen. */

import { kindOf } from './kinds';

export interface Chosen {
  path: string;
  file: File;
}

export interface Selection {
  files: readonly Chosen[];
  /** Files that no dataset needs: what systems leave in folders. */
  skipped: number;
  /** Name of the one folder or file that everything came from; a proposal for the dataset's name. */
  title: string | null;
}

export const NOTHING: Selection = { files: [], skipped: 0, title: null };

const LITTER = /(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini|__MACOSX)(\/|$)/i;

/** A selection with further files; a file at a path that is taken replaces the one there. */
export function withFiles(earlier: Selection, added: readonly Chosen[]): Selection {
  const kept = added.filter((each) => !LITTER.test(each.path));
  const files = new Map(earlier.files.map((each) => [each.path, each]));
  const isAgain = earlier.files.length > 0 && rootOf(kept) !== earlier.title;
  for (const each of isAgain ? kept : withoutRoot(kept)) files.set(each.path, each);
  return {
    files: [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
    skipped: earlier.skipped + added.length - kept.length,
    title: earlier.title ?? titleOf(kept),
  };
}

export function without(selection: Selection, path: string): Selection {
  return { ...selection, files: selection.files.filter((each) => each.path !== path) };
}

/**
 * Paths without the folder that all of them are in: it is where the dataset lies, not a part of it. A folder that holds
 * nothing but recordings keeps its name: it may be the name of their class.
 */
function withoutRoot(files: readonly Chosen[]): readonly Chosen[] {
  const root = rootOf(files);
  if (root === null) return files;
  const inner = files.map(({ path, file }) => ({ path: path.slice(root.length + 1), file }));
  return inner.every(({ path }) => !path.includes('/') && kindOf(path) === 'audio') ? files : inner;
}

function rootOf(files: readonly Chosen[]): string | null {
  const first = files[0]?.path;
  const root = first?.includes('/') ? first.slice(0, first.indexOf('/')) : null;
  return root !== null && files.every(({ path }) => path.startsWith(`${root}/`)) ? root : null;
}

function titleOf(files: readonly Chosen[]): string | null {
  const root = rootOf(files);
  if (root !== null) return root;
  const first = files[0];
  if (files.length !== 1 || !first) return null;
  return first.path.replace(/(\.tar)?\.[A-Za-z0-9]{1,8}$/, '') || first.path;
}

/** Files of an `<input type="file">`; with `webkitdirectory` they know their paths. */
export function filesOfInput(list: FileList | null): Chosen[] {
  return [...(list ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** Dropped files and folders, with everything below them. Call it in the event's own turn: afterwards the browser forgets. */
export async function filesOfDrop(transfer: DataTransfer): Promise<Chosen[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.length === 0) return filesOfInput(transfer.files);
  const files: Chosen[] = [];
  for (const entry of entries) await walk(entry, files);
  return files;
}

async function walk(entry: FileSystemEntry, into: Chosen[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    into.push({ path: entry.fullPath.replace(/^\//, ''), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader gives at most 100 entries at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return;
    for (const each of some) await walk(each, into);
  }
}
