'use client';

import { Archive, File, FileAudio, FileText, type LucideIcon, Table2, X } from 'lucide-react';
import { useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { formatBytes, plural } from '@/lib/format';
import { type Remark, summarise } from './checks';
import { type FileKind, kindOf } from './kinds';
import { MOST_LOOSE } from './plan';
import type { Selection } from './selection';

const ICONS: Record<FileKind, LucideIcon> = {
  audio: FileAudio,
  table: FileText,
  columnar: Table2,
  archive: Archive,
  other: File,
};
const KINDS: [FileKind, string][] = [
  ['audio', 'recording'],
  ['table', 'text file'],
  ['columnar', 'Parquet file'],
  ['archive', 'archive'],
  ['other', 'other file'],
];
const FIRST = 5;
const MOST = 200;

interface ChosenFilesProps {
  selection: Selection;
  remarks: readonly Remark[];
  onRemove: (path: string) => void;
  onClear: () => void;
}

/** What was chosen, counted, and what can be said about it before it is sent. */
export function ChosenFiles({ selection, remarks, onRemove, onClear }: ChosenFilesProps) {
  const [isOpen, setIsOpen] = useState(false);
  const { count, bytes, byKind } = summarise(selection);
  const shown = selection.files.slice(0, isOpen ? MOST : FIRST);
  const isPacked = count > MOST_LOOSE && byKind.archive + byKind.columnar < count;
  return (
    <div className="grid grid-cols-1 gap-3">
      <div className="rounded-lg border">
        <div className="flex flex-wrap items-center justify-between gap-2 border-b px-3 py-2">
          <p className="tabular text-sm" aria-live="polite">
            <span className="font-medium">{plural(count, 'file')}</span>
            <span className="text-muted-foreground">
              , {formatBytes(bytes)}:{' '}
              {KINDS.filter(([kind]) => byKind[kind] > 0)
                .map(([kind, word]) => plural(byKind[kind], word))
                .join(', ')}
            </span>
          </p>
          <Button variant="ghost" size="sm" onClick={onClear}>
            Remove all
          </Button>
        </div>
        <ul className="max-h-72 divide-y overflow-y-auto">
          {shown.map(({ path, file }) => {
            const Icon = ICONS[kindOf(path)];
            return (
              <li key={path} className="flex items-center gap-2.5 px-3 py-1 text-sm">
                <Icon className="size-4 shrink-0 text-muted-foreground" aria-hidden />
                <span className="min-w-0 flex-1 truncate" dir="auto" title={path}>
                  {path}
                </span>
                <span className="tabular shrink-0 text-muted-foreground text-xs">
                  {formatBytes(file.size)}
                </span>
                <Button
                  variant="ghost"
                  size="icon-sm"
                  aria-label={`Remove ${path}`}
                  onClick={() => onRemove(path)}
                >
                  <X aria-hidden />
                </Button>
              </li>
            );
          })}
        </ul>
        {count > FIRST && (
          <div className="border-t px-3 py-1.5">
            <Button variant="link" size="inline" className="text-sm" onClick={() => setIsOpen(!isOpen)}>
              {isOpen
                ? count > MOST
                  ? `Show fewer (the first ${MOST} of ${count} are shown)`
                  : 'Show fewer'
                : `Show ${count > MOST ? `the first ${MOST} of ` : 'all '}${count}`}
            </Button>
          </div>
        )}
      </div>
      {remarks.map((remark) => (
        <Alert key={remark.title} tone={remark.tone} title={remark.title}>
          {remark.cure}
        </Alert>
      ))}
      {isPacked && (
        <p className="text-muted-foreground text-xs">
          So many files are sent as one archive, which this page makes while it sends. Nothing is changed in
          your folder.
        </p>
      )}
    </div>
  );
}
