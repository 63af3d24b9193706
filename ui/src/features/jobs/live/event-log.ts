/** The live events of one job since its page was opened, for every part of the page that shows them. */

import type { JobEvent } from '@/lib/live/protocol';

export type EventKind = JobEvent['kind'];

/** Kept per kind. What is older is read from the platform again. */
const MOST = 8000;
const NONE: readonly JobEvent[] = [];

export class EventLog {
  readonly #events = new Map<EventKind, readonly JobEvent[]>();
  readonly #floors = new Map<EventKind, number>();
  readonly #listeners = new Set<() => void>();
  #floor: number | undefined;

  /** Begin behind an event: everything after it will be pushed. */
  begin(after: number): void {
    this.#floor = after;
    this.#events.clear();
    this.#floors.clear();
    this.#tell();
  }

  push(events: readonly JobEvent[]): void {
    const byKind = new Map<EventKind, JobEvent[]>();
    for (const event of events) {
      const last = byKind.get(event.kind)?.at(-1) ?? this.#events.get(event.kind)?.at(-1);
      if (last && event.event.seq <= last.event.seq) continue;
      const some = byKind.get(event.kind);
      if (some) some.push(event);
      else byKind.set(event.kind, [event]);
    }
    for (const [kind, news] of byKind) {
      const all = [...(this.#events.get(kind) ?? NONE), ...news];
      if (all.length > MOST) {
        const gone = all.splice(0, all.length - MOST / 2);
        const last = gone.at(-1);
        if (last) this.#floors.set(kind, last.event.seq);
      }
      this.#events.set(kind, all);
    }
    if (byKind.size > 0) this.#tell();
  }

  /** The events of a kind, oldest first; the same array until there are more. */
  of(kind: EventKind): readonly JobEvent[] {
    return this.#events.get(kind) ?? NONE;
  }

  /**
   * The number behind which all events of a kind are here; undefined while nothing is followed. A history that ends
   * before it has a gap, and must be read again.
   */
  floor(kind: EventKind): number | undefined {
    return this.#floors.get(kind) ?? this.#floor;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
