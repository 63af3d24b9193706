'use client';

import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDownToLine, Download, ScrollText, Search } from 'lucide-react';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { ErrorState } from '@/components/ui/error-state';
import { Input } from '@/components/ui/input';
import { Label } from '@/components/ui/label';
import { Select } from '@/components/ui/select';
import { Skeleton } from '@/components/ui/skeleton';
import { Switch } from '@/components/ui/switch';
import { toast } from '@/components/ui/toast';
import { cn } from '@/lib/cn';
import { formatCount, formatDateTime } from '@/lib/format';
import { useStoredState } from '@/lib/stored-state';
import { useUrlState } from '@/lib/url-state';
import { useDebounced } from '@/lib/use-debounced';
import { download } from '../api';
import type { Job, LogLine } from '../contract';
import { hasEnded } from '../model/job';
import { LEVELS, marked } from './lines';
import { useLog } from './use-log';

const DEFAULTS = { find: '', level: '' };
const ANY = '*';
const LINE_PX = 20;

/** The log of a job: searched by the platform, followed live, of any length. */
export function LogsTab({ job }: { job: Job }) {
  const [url, setUrl] = useUrlState(DEFAULTS);
  const q = useDebounced(url.find);
  const [follows, setFollows] = useStoredState('logs.follow', true);
  const [view, setView] = useState({ first: 0, last: 0 });
  const log = useLog(job, { q, level: url.level }, view);
  const box = useRef<HTMLDivElement>(null);
  const isLive = !hasEnded(job.status);
  const rows = useVirtualizer({
    count: log.count,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_PX,
    overscan: 20,
  });
  const items = rows.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => setView({ first, last }), [first, last]);

  // The newest line is what one wants to see first, and while following.
  const isPlaced = useRef(false);
  const toNewest = () => rows.scrollToIndex(log.count - 1, { align: 'end' });
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new line moves the view, if it follows
  useLayoutEffect(() => {
    if (log.count === 0 || (isPlaced.current && !(follows && isLive))) return;
    isPlaced.current = true;
    toNewest();
  }, [log.count, follows, isLive]);
  const isAtEnd = last >= log.count - 2;

  const save = async () => {
    try {
      await download(
        `jobs/${job.id}/logs.txt`,
        { q: q || null, level: url.level || null },
        `${job.name}.log`,
      );
    } catch (error) {
      toast.error(error);
    }
  };
  const isFiltered = q !== '' || url.level !== '';

  return (
    <section aria-label="Log" className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <div className="relative w-full sm:w-72">
          <Search
            className="pointer-events-none absolute top-2 left-2.5 size-4 text-muted-foreground"
            aria-hidden
          />
          <Input
            type="search"
            aria-label="Search the log"
            placeholder="Search the log …"
            value={url.find}
            onChange={(event) => setUrl({ find: event.target.value })}
            className="pl-8"
          />
        </div>
        <Select
          aria-label="Level"
          className="w-auto min-w-40"
          value={url.level || ANY}
          onValueChange={(value) => setUrl({ level: value === ANY ? '' : value })}
          options={[{ value: ANY, label: 'All levels' }, ...LEVELS]}
        />
        <p role="status" className="tabular text-muted-foreground text-xs">
          {log.isLoading ? '' : `${formatCount(log.count)} ${isFiltered ? 'matching ' : ''}lines`}
        </p>
        <div className="ml-auto flex items-center gap-3">
          {isLive && (
            <span className="flex items-center gap-2">
              <Switch id="log-follow" checked={follows} onCheckedChange={setFollows} />
              <Label htmlFor="log-follow" className="font-normal">
                Follow
              </Label>
            </span>
          )}
          <Button onClick={() => void save()} disabled={log.count === 0}>
            <Download aria-hidden /> Download
          </Button>
        </div>
      </div>
      <div className={cn('relative', log.isStale && 'opacity-60')} aria-busy={log.isLoading || log.isStale}>
        {log.error && log.count === 0 ? (
          <div className="rounded-lg border bg-card">
            <ErrorState error={log.error} onRetry={log.reload} />
          </div>
        ) : log.isLoading ? (
          <Skeleton className="h-[60vh] w-full rounded-lg" />
        ) : log.count === 0 ? (
          <div className="rounded-lg border border-dashed">
            <EmptyState
              icon={ScrollText}
              title={isFiltered ? 'No line matches' : 'The log is empty'}
              description={
                isFiltered
                  ? 'No line has this text and level.'
                  : 'Lines appear here by themselves as soon as the job writes any.'
              }
              actions={
                isFiltered ? (
                  <Button onClick={() => setUrl({ find: '', level: '' })}>Show all lines</Button>
                ) : undefined
              }
            />
          </div>
        ) : (
          <>
            <div
              ref={box}
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
              tabIndex={0}
              role="log"
              aria-live="off"
              aria-label={`Log of ${job.name}`}
              className="h-[min(68vh,44rem)] min-h-64 overflow-auto rounded-lg border bg-card py-2 font-mono text-xs leading-5"
              onWheel={(event) => {
                // Who scrolls up wants to read; following would pull the lines away.
                if (event.deltaY < 0 && follows && isLive) setFollows(false);
              }}
            >
              <div style={{ height: rows.getTotalSize() }} className="relative w-full">
                {items.map((item) => (
                  <div
                    key={item.key}
                    ref={rows.measureElement}
                    data-index={item.index}
                    className="absolute inset-x-0 top-0"
                    style={{ transform: `translateY(${item.start}px)` }}
                  >
                    <Line line={log.line(item.index)} q={q} />
                  </div>
                ))}
              </div>
            </div>
            {!isAtEnd && (
              <Button
                size="sm"
                onClick={() => {
                  toNewest();
                  if (isLive) setFollows(true);
                }}
                className="absolute right-5 bottom-3 shadow-lift"
              >
                <ArrowDownToLine aria-hidden /> Newest
              </Button>
            )}
          </>
        )}
      </div>
    </section>
  );
}

const LOOKS: Record<string, string> = {
  error: 'bg-danger-soft text-danger-text',
  warning: 'text-warning-text',
  debug: 'text-muted-foreground',
};

function Line({ line, q }: { line: LogLine | undefined; q: string }) {
  if (!line) return <div className="h-5 px-3 text-muted-foreground">…</div>;
  const look = LOOKS[line.level];
  return (
    <div className={cn('flex gap-3 px-3 hover:bg-hover/60', line.level === 'error' && LOOKS.error)}>
      <time
        dateTime={line.time}
        title={formatDateTime(line.time)}
        className="tabular shrink-0 select-none text-muted-foreground"
      >
        {new Date(line.time).toLocaleTimeString('en-GB')}
      </time>
      <span className={cn('w-14 shrink-0 select-none max-sm:hidden', look ?? 'text-muted-foreground')}>
        {line.level}
      </span>
      <span
        dir="auto"
        className={cn('name min-w-0 flex-1 whitespace-pre-wrap', line.level === 'warning' && look)}
      >
        {marked(line.message, q).map((part, index) =>
          index % 2 === 1 ? (
            <mark key={index} className="rounded-[2px] bg-warning/40 text-inherit">
              {part}
            </mark>
          ) : (
            part
          ),
        )}
        {line.source === 'platform' && <span className="ml-2 text-muted-foreground">(platform)</span>}
      </span>
    </div>
  );
}
