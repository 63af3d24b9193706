/** The events of the platform's stream (GET /api/v1/events), and what tabs say to each other about it. */

import type { EventOut, LiveEvent as Frame, LiveJobEvent } from '@less-is-more/client';

export type { Frame };

/** A metric, log line, artifact or change of status of a job that somebody follows. */
export type JobEvent = Omit<LiveJobEvent, 'event'> & { event: EventOut & Record<string, unknown> };

/** The newest state of a resource, a notification, or a word about the stream itself. */
export type LiveEvent = Exclude<Frame, LiveJobEvent>;

export function isJobEvent(frame: Frame): frame is JobEvent {
  return 'event' in frame;
}

export type Connection = 'connecting' | 'open' | 'waiting';

/** Between tabs; `tab` is the sender, or the addressee of a `frames` for one. */
export type TabMessage =
  | { type: 'frames'; frames: Frame[]; tab?: string }
  | { type: 'gap'; job: string; tab: string }
  | { type: 'state'; state: Connection }
  | { type: 'follow'; tab: string; job: string; after: number }
  | { type: 'unfollow'; tab: string; job: string }
  /** From a new leader: say what you follow, and from where. */
  | { type: 'who' };
