'use client';

import { FolderUp, LoaderCircle, Upload } from 'lucide-react';
import { type DragEvent, useRef, useState } from 'react';
import { Button } from '@/components/ui/button';
import { cn } from '@/lib/cn';
import { type Chosen, filesOfDrop, filesOfInput } from './selection';

interface DropzoneProps {
  onFiles: (files: Chosen[]) => void;
  /** Something is chosen already: the field becomes small. */
  isSmall?: boolean;
  /** Ids of what describes it, such as an error. */
  describedBy?: string | undefined;
  isInvalid?: boolean;
}

/** Takes files and folders, by drag and drop or by the browser's pickers. */
export function Dropzone({ onFiles, isSmall = false, describedBy, isInvalid = false }: DropzoneProps) {
  const [isOver, setIsOver] = useState(false);
  const [isReading, setIsReading] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const drop = async (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    setIsReading(true);
    try {
      onFiles(await filesOfDrop(event.dataTransfer));
    } finally {
      setIsReading(false);
    }
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dragging is for the mouse; the buttons inside do the same for everyone
    <div
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node)) setIsOver(false);
      }}
      onDrop={drop}
      className={cn(
        'flex items-center rounded-lg border border-border-strong border-dashed bg-muted/40 transition-colors',
        isSmall ? 'flex-wrap gap-3 px-4 py-3' : 'flex-col gap-1 px-6 py-10 text-center',
        isInvalid && 'border-danger',
        isOver && 'border-primary bg-primary-soft',
      )}
    >
      {!isSmall && (
        <div className="mb-2 flex size-11 items-center justify-center rounded-xl border bg-card shadow-lift">
          {isReading ? (
            <LoaderCircle className="size-5 animate-spin text-primary-text" aria-hidden />
          ) : (
            <Upload className="size-5 text-primary-text" aria-hidden />
          )}
        </div>
      )}
      <div className={cn(isSmall && 'mr-auto')}>
        <p className="font-medium text-sm" aria-live="polite">
          {isReading
            ? 'Reading the folder …'
            : isSmall
              ? 'Drop more files here, or add them'
              : 'Drop files or a folder here'}
        </p>
        {!isSmall && (
          <p className="mt-1 max-w-md text-muted-foreground text-sm">
            Recordings with their texts, a zip or tar archive, or Parquet. A folder keeps its structure.
          </p>
        )}
      </div>
      <div className={cn('flex flex-wrap justify-center gap-2', !isSmall && 'mt-3')}>
        <Button onClick={() => files.current?.click()} aria-describedby={describedBy}>
          <Upload aria-hidden /> {isSmall ? 'Add files' : 'Choose files'}
        </Button>
        <Button onClick={() => folder.current?.click()} aria-describedby={describedBy}>
          <FolderUp aria-hidden /> {isSmall ? 'Add folder' : 'Choose folder'}
        </Button>
      </div>
      <input
        ref={files}
        type="file"
        multiple
        hidden
        aria-label="Files"
        onChange={(event) => {
          onFiles(filesOfInput(event.target.files));
          event.target.value = '';
        }}
      />
      <input
        ref={folder}
        type="file"
        multiple
        hidden
        aria-label="Folder"
        {...{ webkitdirectory: '' }}
        onChange={(event) => {
          onFiles(filesOfInput(event.target.files));
          event.target.value = '';
        }}
      />
    </div>
  );
}
