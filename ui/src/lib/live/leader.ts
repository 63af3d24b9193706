/** The one tab that holds the event stream for all tabs of this browser (HTTP/1.1 allows six connections to an origin). */

import { follow, type Session } from '@less-is-more/client';
import type { Connection, Frame, JobEvent, TabMessage } from './protocol';
import { isJobEvent } from './protocol';

const PATH = '/api/v1/events';
/** Recent events kept per job, for a tab that begins to follow it a little later than another. */
const KEPT = 4000;
/** The platform's limit of jobs in one stream. */
const MOST_JOBS = 20;

interface Followed {
  tabs: Set<string>;
  /** Everything after this number is in `recent`. */
  floor: number;
  recent: JobEvent[];
}

export class Leader {
  readonly #session: Session;
  readonly #baseUrl: string;
  readonly #send: (message: TabMessage) => void;
  readonly #followed = new Map<string, Followed>();
  #connection: AbortController | null = null;
  #lastEventId: string | undefined;
  #state: Connection = 'connecting';
  #ended = false;

  constructor(session: Session, baseUrl: string, send: (message: TabMessage) => void) {
    this.#session = session;
    this.#baseUrl = baseUrl;
    this.#send = send;
  }

  /** Hold the stream until `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => {
      this.#ended = true;
      this.#connection?.abort();
    });
    // The browser knows sooner than the connection does; when it is back, there is nothing to wait for.
    const again = () => this.#connection?.abort();
    window.addEventListener('offline', again, { signal });
    window.addEventListener('online', again, { signal });
    this.#send({ type: 'who' });
    while (!this.#ended) {
      const connection = new AbortController();
      this.#connection = connection;
      await this.#read(connection.signal);
    }
  }

  /** What a tab says. */
  receive(message: TabMessage): void {
    if (message.type === 'follow') this.#follow(message.tab, message.job, message.after);
    if (message.type === 'unfollow') this.#unfollow(message.tab, message.job);
  }

  /** A new tab asks how the connection is. */
  tell(): void {
    this.#send({ type: 'state', state: this.#state });
  }

  async #read(signal: AbortSignal): Promise<void> {
    const query = new URLSearchParams();
    for (const [job, { floor, recent }] of [...this.#followed].slice(0, MOST_JOBS)) {
      query.append('job', `${job}:${recent.at(-1)?.event.seq ?? floor}`);
    }
    const path = query.size > 0 ? `${PATH}?${query}` : PATH;
    let batch: Frame[] = [];
    const flush = () => {
      if (batch.length > 0) this.#send({ type: 'frames', frames: batch });
      batch = [];
    };
    const stream = follow<Frame>(path, {
      baseUrl: this.#baseUrl,
      session: this.#session,
      signal,
      ...(this.#lastEventId === undefined ? {} : { lastEventId: this.#lastEventId }),
      onState: (state) => {
        this.#state = state;
        this.tell();
      },
    });
    // Tabs get what arrived within a frame's time as one message: a burst of metrics is drawn once.
    const timer = setInterval(flush, 50);
    try {
      for await (const { id, data } of stream) {
        if (id) this.#lastEventId = id;
        if (isJobEvent(data)) this.#keep(data);
        batch.push(data);
      }
    } catch {
      // Refused: the login has ended (then this tab is told by its session), or a followed job was deleted.
      this.#followed.clear();
      this.#lastEventId = undefined;
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 2000));
      this.#send({ type: 'who' });
    } finally {
      clearInterval(timer);
      flush();
    }
  }

  #keep(frame: JobEvent): void {
    const followed = this.#followed.get(frame.id);
    if (!followed) return;
    followed.recent.push(frame);
    if (followed.recent.length > KEPT * 1.25) {
      const gone = followed.recent.splice(0, followed.recent.length - KEPT);
      followed.floor = gone.at(-1)?.event.seq ?? followed.floor;
    }
  }

  #follow(tab: string, job: string, after: number): void {
    const known = this.#followed.get(job);
    if (!known) {
      this.#followed.set(job, { tabs: new Set([tab]), floor: after, recent: [] });
      this.#connection?.abort(); // read again, with this job
      return;
    }
    known.tabs.add(tab);
    if (after < known.floor) {
      this.#send({ type: 'gap', job, tab });
      return;
    }
    const frames = known.recent.filter((frame) => frame.event.seq > after);
    if (frames.length > 0) this.#send({ type: 'frames', frames, tab });
  }

  #unfollow(tab: string, job: string): void {
    const followed = this.#followed.get(job);
    followed?.tabs.delete(tab);
    if (followed?.tabs.size === 0) {
      this.#followed.delete(job);
      this.#connection?.abort();
    }
  }
}
