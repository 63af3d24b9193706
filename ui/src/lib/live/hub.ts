/** This tab's end of the event stream: it leads if no other tab does, and hands every frame to those who listen. */

import type { Session } from '@less-is-more/client';
import { Leader } from './leader';
import type { Connection, Frame, JobEvent, TabMessage } from './protocol';
import { isJobEvent } from './protocol';

const CHANNEL = 'less-is-more-live';
const LOCK = 'less-is-more-live';

type Listener = (frames: readonly Frame[]) => void;

interface Following {
  after: number;
  onEvents: (events: readonly JobEvent[]) => void;
  onGap: () => void;
}

export class LiveHub {
  readonly #tab = crypto.randomUUID?.() ?? String(Math.random());
  readonly #session: Session;
  readonly #baseUrl: string;
  readonly #listeners = new Set<Listener>();
  readonly #stateListeners = new Set<() => void>();
  readonly #following = new Map<string, Set<Following>>();
  #channel: BroadcastChannel | null = null;
  #leader: Leader | null = null;
  #stop: AbortController | null = null;
  #state: Connection = 'connecting';

  constructor(session: Session, baseUrl: string) {
    this.#session = session;
    this.#baseUrl = baseUrl;
  }

  start(): void {
    const stop = new AbortController();
    this.#stop = stop;
    const channel = new BroadcastChannel(CHANNEL);
    this.#channel = channel;
    channel.onmessage = ({ data }: MessageEvent<TabMessage>) => this.#receive(data);
    this.#setState('connecting');
    const lead = async () => {
      const leader = new Leader(this.#session, this.#baseUrl, (message) => {
        channel.postMessage(message);
        this.#receive(message);
      });
      this.#leader = leader;
      await leader.run(stop.signal);
      this.#leader = null;
    };
    // Without locks (plain HTTP to another machine) each tab holds a stream of its own.
    if (navigator.locks) {
      navigator.locks.request(LOCK, { signal: stop.signal }, lead).catch(() => undefined);
    } else {
      channel.onmessage = null;
      void lead();
    }
    channel.postMessage({ type: 'who' } satisfies TabMessage);
  }

  stop(): void {
    for (const [job] of this.#following) this.#say({ type: 'unfollow', tab: this.#tab, job });
    this.#stop?.abort();
    this.#channel?.close();
    this.#channel = null;
  }

  get state(): Connection {
    return this.#state;
  }

  onState(listener: () => void): () => void {
    this.#stateListeners.add(listener);
    return () => void this.#stateListeners.delete(listener);
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Follow one job's metrics, log lines and artifacts after a number; returns how to stop. */
  follow(job: string, following: Following): () => void {
    const all = this.#following.get(job) ?? new Set();
    this.#following.set(job, all.add(following));
    this.#say({ type: 'follow', tab: this.#tab, job, after: following.after });
    return () => {
      all.delete(following);
      if (all.size > 0) return;
      this.#following.delete(job);
      this.#say({ type: 'unfollow', tab: this.#tab, job });
    };
  }

  #say(message: TabMessage): void {
    this.#channel?.postMessage(message);
    this.#leader?.receive(message);
  }

  #receive(message: TabMessage): void {
    switch (message.type) {
      case 'frames':
        if (message.tab === undefined || message.tab === this.#tab) this.#hand(message.frames);
        break;
      case 'gap':
        if (message.tab === this.#tab) for (const one of this.#following.get(message.job) ?? []) one.onGap();
        break;
      case 'state':
        this.#setState(message.state);
        break;
      case 'who':
        this.#leader?.tell();
        for (const [job, all] of this.#following) {
          const after = Math.min(...[...all].map((one) => one.after));
          this.#say({ type: 'follow', tab: this.#tab, job, after });
        }
        break;
      default:
        this.#leader?.receive(message);
    }
  }

  #hand(frames: readonly Frame[]): void {
    const byJob = new Map<string, JobEvent[]>();
    for (const frame of frames) {
      if (isJobEvent(frame)) byJob.set(frame.id, [...(byJob.get(frame.id) ?? []), frame]);
    }
    for (const [job, events] of byJob) {
      for (const one of this.#following.get(job) ?? []) {
        const news = events.filter((frame) => frame.event.seq > one.after);
        const last = news.at(-1);
        if (last === undefined) continue;
        one.after = last.event.seq;
        one.onEvents(news);
      }
    }
    for (const listener of this.#listeners) listener(frames);
  }

  #setState(state: Connection): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#stateListeners) listener();
  }
}
