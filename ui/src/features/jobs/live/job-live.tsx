'use client';

import { readJob } from '@less-is-more/client';
import { useQueryClient } from '@tanstack/react-query';
import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { useJobEvents } from '@/lib/live/live-provider';
import type { JobEvent } from '@/lib/live/protocol';
import { keys } from '@/lib/query-keys';
import type { Job } from '../contract';
import { hasEnded } from '../model/job';
import { type EventKind, EventLog } from './event-log';

const EventLogContext = createContext<EventLog | null>(null);

/**
 * Follows a job once for all parts of its page. What they read from the platform joins without a gap: the following
 * begins before they read, and a history that ends before it is read again.
 */
export function JobLive({ job, children }: { job: Job; children: ReactNode }) {
  const queries = useQueryClient();
  const [log] = useState(() => new EventLog());
  const [after, setAfter] = useState<number>();
  const isFollowed = !hasEnded(job.status);
  const newest = job.last_seq;
  // Follows from what was known when the page opened, or when the job was resumed; later numbers change nothing.
  useEffect(() => {
    if (!isFollowed || after !== undefined || newest === undefined) return;
    log.begin(newest);
    setAfter(newest);
  }, [isFollowed, after, newest, log]);

  const catchUp = async () => {
    const { last_seq } = (await readJob({ path: { job_id: job.id } })) as Job;
    if (last_seq === undefined) return;
    log.begin(last_seq);
    setAfter(last_seq);
    await queries.invalidateQueries({ queryKey: keys.jobs.one(job.id) });
  };
  useJobEvents(
    job.id,
    after,
    (events) => log.push(events),
    () => void catchUp(),
  );
  return <EventLogContext value={log}>{children}</EventLogContext>;
}

const NONE: readonly JobEvent[] = [];

/**
 * The live events of a kind behind a history that ends with event `lastSeq`. `reload` is called when events between
 * the two are missing.
 */
export function useEventsAfter(
  kind: EventKind,
  lastSeq: number | undefined,
  reload: () => void,
): readonly JobEvent[] {
  const log = useContext(EventLogContext);
  const all = useSyncExternalStore(
    (listener) => log?.subscribe(listener) ?? (() => undefined),
    () => log?.of(kind) ?? NONE,
    () => NONE,
  );
  const floor = log?.floor(kind);
  const asked = useRef<number | undefined>(undefined);
  const isBehind = floor !== undefined && lastSeq !== undefined && lastSeq < floor;
  useEffect(() => {
    if (!isBehind || asked.current === floor) return;
    asked.current = floor;
    reload();
  }, [isBehind, floor, reload]);
  return useMemo(() => {
    if (lastSeq === undefined || isBehind) return NONE;
    const from = all.findIndex((one) => one.event.seq > lastSeq);
    return from < 0 ? NONE : from === 0 ? all : all.slice(from);
  }, [all, lastSeq, isBehind]);
}
