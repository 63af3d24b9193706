'use client';

import { useQueryClient } from '@tanstack/react-query';
import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useEffectEvent,
  useState,
  useSyncExternalStore,
} from 'react';
import { BASE_URL, session } from '@/lib/session';
import { LiveHub } from './hub';
import { applyFrames } from './invalidation';
import { type Connection, type Frame, isJobEvent, type JobEvent, type LiveEvent } from './protocol';

const LiveContext = createContext<LiveHub | null>(null);

/** Holds the browser's event stream while somebody is logged in, and keeps cached answers current by it. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [hub, setHub] = useState<LiveHub | null>(null);
  useEffect(() => {
    const started = new LiveHub(session, BASE_URL);
    const stop = started.listen((frames) => applyFrames(queries, frames));
    started.start();
    setHub(started);
    return () => {
      stop();
      started.stop();
    };
  }, [queries]);
  return <LiveContext value={hub}>{children}</LiveContext>;
}

type EventOf<Kind extends LiveEvent['kind']> = Extract<LiveEvent, { kind: Kind }>;

/**
 * Call a handler for each live event of a kind, and of one id if given. Cached answers are kept current without it:
 * this is for what else should happen, such as a message.
 */
export function useLive<Kind extends LiveEvent['kind']>(
  kind: Kind,
  id: string | null,
  handler: (event: EventOf<Kind>) => void,
): void {
  const hub = useContext(LiveContext);
  const handle = useEffectEvent((frames: readonly Frame[]) => {
    for (const frame of frames) {
      if (!isJobEvent(frame) && frame.kind === kind && (id === null || frame.id === id))
        handler(frame as EventOf<Kind>);
    }
  });
  useEffect(() => hub?.listen((frames) => handle(frames)), [hub]);
}

/**
 * Follow a job's metrics, log lines, artifacts and changes of status, each once and in order, after `lastSeq`: the
 * `last_seq` of the history that is shown (undefined while it loads). Events come in batches, at most 20 a second.
 * `onGap`: load the history again, this tab missed too much.
 */
export function useJobEvents(
  jobId: string,
  lastSeq: number | undefined,
  onEvents: (events: readonly JobEvent[]) => void,
  onGap: () => void,
): void {
  const hub = useContext(LiveContext);
  const handle = useEffectEvent(onEvents);
  const handleGap = useEffectEvent(onGap);
  useEffect(() => {
    if (!hub || lastSeq === undefined || !jobId) return;
    return hub.follow(jobId, {
      after: lastSeq,
      onEvents: (events) => handle(events),
      onGap: () => handleGap(),
    });
  }, [hub, jobId, lastSeq]);
}

/** The state of the browser's event stream. */
export function useConnection(): Connection {
  const hub = useContext(LiveContext);
  return useSyncExternalStore(
    (listener) => hub?.onState(listener) ?? (() => undefined),
    () => hub?.state ?? 'connecting',
    () => 'connecting',
  );
}
