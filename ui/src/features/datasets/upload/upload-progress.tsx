'use client';

import { Check, CircleAlert, File, Pause, Play, WifiOff, X } from 'lucide-react';
import { useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { Progress } from '@/components/ui/progress';
import { formatBytes, formatDuration, formatPercent, plural } from '@/lib/format';
import { wordsOf } from '@/lib/problems';
import type { UploadFile, UploadState, UploadStatus } from './manager';
import { timeLeftS } from './speed';

interface UploadProgressProps {
  state: UploadState;
  onPause: () => void;
  onGoOn: () => void;
  onCancel: () => void;
}

const TITLES: Record<UploadStatus, string> = {
  sending: 'Uploading',
  paused: 'Upload paused',
  waiting: 'Connection lost',
  completing: 'Finishing the upload',
  failed: 'The upload stopped',
  done: 'Upload finished',
};
const MOST_FILES = 6;

/** An upload of this tab: how far it is, how fast, how long it still takes; pause, go on, cancel. */
export function UploadProgress({ state, onPause, onGoOn, onCancel }: UploadProgressProps) {
  const { status, files, sentBytes, totalBytes, bytesPerS, error } = state;
  const share = totalBytes > 0 ? sentBytes / totalBytes : 0;
  const leftS = status === 'sending' ? timeLeftS(totalBytes - sentBytes, bytesPerS) : null;
  const done = files.filter((file) => file.sentBytes >= file.size).length;
  const isStopped = status === 'paused' || status === 'failed' || status === 'waiting';
  return (
    <Card aria-label="Upload" className="p-4 sm:p-5">
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div>
          <h2 className="font-semibold text-base">{TITLES[status]}</h2>
          <p className="text-muted-foreground text-sm">
            {status === 'waiting'
              ? 'It goes on by itself as soon as the platform answers. Nothing that was sent is lost.'
              : status === 'paused'
                ? 'Nothing that was sent is lost.'
                : status === 'done'
                  ? 'The platform checks the recordings now.'
                  : 'Look at other pages meanwhile, but keep this tab open.'}
          </p>
        </div>
        <div className="flex gap-2">
          {status === 'sending' && (
            <Button onClick={onPause}>
              <Pause aria-hidden /> Pause
            </Button>
          )}
          {isStopped && (
            <Button variant="primary" onClick={onGoOn}>
              <Play aria-hidden /> {status === 'waiting' ? 'Try now' : 'Continue'}
            </Button>
          )}
          {status !== 'done' && (
            <Button variant="danger-ghost" onClick={onCancel} disabled={status === 'completing'}>
              <X aria-hidden /> Cancel
            </Button>
          )}
        </div>
      </div>
      <div className="tabular mt-4 flex items-baseline justify-between gap-4">
        <p className="font-semibold text-2xl tracking-tight">
          {formatPercent(Math.floor(share * 1000) / 1000)}
        </p>
        <p className="text-right text-muted-foreground text-sm">
          {formatBytes(sentBytes)} of {formatBytes(totalBytes)}
        </p>
      </div>
      <Progress
        value={status === 'completing' ? null : share}
        label={`Upload of ${state.name}`}
        tone={status === 'failed' ? 'danger' : isStopped ? 'warning' : 'primary'}
        className="mt-2 h-2"
      />
      <div className="tabular mt-2 flex min-h-5 flex-wrap justify-between gap-x-4 text-muted-foreground text-sm">
        <span>
          {files.length > 1 && `${done} of ${plural(files.length, 'file')} sent`}
          {files.length === 1 && <bdi className="break-all">{files[0]?.name}</bdi>}
        </span>
        <span>
          {bytesPerS !== null && `${formatBytes(bytesPerS)}/s`}
          {leftS !== null && ` · ${formatDuration(leftS)} left`}
        </span>
      </div>
      {/* Tenths only: a screen reader should not read every change. */}
      <p className="sr-only" aria-live="polite">
        {TITLES[status]}, {Math.floor(share * 10) * 10} percent
      </p>
      {error !== null && status !== 'sending' && (
        <Alert
          tone={status === 'waiting' ? 'warning' : 'danger'}
          title={wordsOf(error).title}
          className="mt-3"
        >
          {wordsOf(error).cure}
        </Alert>
      )}
      {files.length > 1 && <Files files={files} />}
    </Card>
  );
}

function Files({ files }: { files: readonly UploadFile[] }) {
  const [all, setAll] = useState(false);
  // What is being sent first, then what waits, then what is there.
  const order = (file: UploadFile) => (file.sentBytes >= file.size ? 2 : file.sentBytes > 0 ? 0 : 1);
  const sorted = [...files].sort((a, b) => order(a) - order(b));
  const shown = all ? sorted : sorted.slice(0, MOST_FILES);
  return (
    <>
      <ul className="mt-4 divide-y rounded-md border">
        {shown.map((file) => {
          const isDone = file.sentBytes >= file.size;
          return (
            <li
              key={file.name}
              className="grid grid-cols-[auto_1fr_auto] items-center gap-3 px-3 py-2 text-sm"
            >
              {isDone ? (
                <Check className="size-4 text-success-text" aria-label="Sent" />
              ) : (
                <File className="size-4 text-muted-foreground" aria-hidden />
              )}
              <div className="min-w-0">
                <p className="truncate" dir="auto" title={file.name}>
                  {file.name}
                </p>
                {!isDone && file.sentBytes > 0 && (
                  <Progress value={file.sentBytes / file.size} label={file.name} className="mt-1 h-1" />
                )}
              </div>
              <span className="tabular text-muted-foreground text-xs">
                {isDone || file.sentBytes === 0
                  ? formatBytes(file.size)
                  : `${formatBytes(file.sentBytes)} of ${formatBytes(file.size)}`}
              </span>
            </li>
          );
        })}
      </ul>
      {files.length > MOST_FILES && (
        <Button variant="link" size="inline" className="mt-2" onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${files.length} files`}
        </Button>
      )}
    </>
  );
}

/** One line about an upload, for lists. */
export function UploadLine({ state }: { state: UploadState }) {
  const share = state.totalBytes > 0 ? state.sentBytes / state.totalBytes : 0;
  const Icon = state.status === 'failed' ? CircleAlert : state.status === 'waiting' ? WifiOff : null;
  return (
    <span className="grid w-36 gap-1">
      <span className="tabular flex items-center gap-1 text-xs">
        {Icon && <Icon className="size-3 text-warning-text" aria-hidden />}
        {TITLES[state.status]} {formatPercent(share, 0)}
      </span>
      <Progress value={share} label={`Upload of ${state.name}`} className="h-1" />
    </span>
  );
}
