/** Server-sent events by `fetch`, because `EventSource` cannot send an access token. */

import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { authorizedFetch } from './connection.ts';
import { ConnectionError, ProblemError, problemOf, SignedOutError } from './errors.ts';
import type { Session } from './session.ts';

export interface StreamEvent<Data = unknown> {
  /** The event's position in its stream, for `lastEventId`. */
  id: string;
  kind: string;
  data: Data;
}

export type StreamState = 'connecting' | 'open' | 'waiting';

export interface FollowOptions {
  baseUrl: string;
  session: Session;
  /** Resume after this event. */
  lastEventId?: string;
  signal?: AbortSignal;
  /** Called when the connection opens, and when it is lost and a new try waits. */
  onState?: (state: StreamState) => void;
}

const LONGEST_WAIT_MS = 15_000;
/** The platform writes something every 10 s; after this long without a byte the connection is dead, whatever TCP says. */
const SILENCE_MS = 25_000;

/**
 * The events of a stream, each once and in order, over as many connections as it takes: after a break it goes on
 * behind the last event. Ends when the server says that the stream is complete (204 on reconnecting), or on `signal`.
 * A stream that ends by itself is read again, unless `once` is set.
 *
 * Throws `ProblemError` when the platform refuses (4xx but 429), `SignedOutError` when the login has ended.
 */
export async function* follow<Data = unknown>(
  path: string,
  { baseUrl, session, lastEventId, signal, onState }: FollowOptions,
  { once = false }: { once?: boolean } = {},
): AsyncGenerator<StreamEvent<Data>, void> {
  let last = lastEventId;
  let failures = 0;
  let retryMs = 1000;
  const onRetry = (ms: number) => {
    retryMs = ms;
  };
  while (!signal?.aborted) {
    onState?.('connecting');
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' };
      if (last !== undefined) headers['Last-Event-ID'] = last;
      const response = await authorizedFetch(session, `${baseUrl}${path}`, {
        headers,
        cache: 'no-store',
        ...(signal ? { signal } : {}),
      });
      if (response.status === 204) return;
      if (!response.ok) throw problemOf(response, await bodyOf(response));
      if (response.body === null) throw new ConnectionError('The stream has no body.');
      onState?.('open');
      const events: EventSourceMessage[] = [];
      const parser = createParser({ onEvent: (event) => events.push(event), onRetry });
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      try {
        for (;;) {
          const { value, done } = await inTime(reader.read());
          if (done) break;
          failures = 0;
          parser.feed(decoder.decode(value, { stream: true }));
          for (const { id, event, data } of events.splice(0)) {
            if (id !== undefined) last = id;
            if (data !== '')
              yield { id: id ?? last ?? '', kind: event ?? 'message', data: JSON.parse(data) as Data };
          }
        }
      } finally {
        void reader.cancel().catch(() => undefined);
      }
      if (once) return;
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof SignedOutError) throw error;
      if (error instanceof ProblemError && error.status < 500 && error.status !== 429) throw error;
      if (error instanceof ProblemError && error.retryAfterS !== null) retryMs = error.retryAfterS * 1000;
    }
    onState?.('waiting');
    failures += 1;
    // Half of the wait is drawn, so that the tabs of many users do not return in the same moment.
    const waitMs = Math.min(LONGEST_WAIT_MS, retryMs * 2 ** Math.min(failures - 1, 4));
    await pause(waitMs / 2 + (Math.random() * waitMs) / 2, signal);
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return null;
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function inTime<T>(read: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ConnectionError('The stream has gone silent.')), SILENCE_MS);
  });
  try {
    return await Promise.race([read, silence]);
  } finally {
    clearTimeout(timer);
  }
}
