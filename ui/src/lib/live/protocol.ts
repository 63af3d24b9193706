/** What the event stream of the platform says (GET /api/v1/events), and what tabs say to each other about it. */

import type { DatasetOut, EventOut, JobOut, NotificationOut, PipelineOut } from '@less-is-more/client';

/** The live state of one resource; `deleted` comes without it. */
export type LiveEvent =
  | { kind: 'job' | 'sweep'; id: string; deleted: boolean; job: LiveJob | null }
  | { kind: 'dataset'; id: string; deleted: boolean; dataset: LiveDataset | null }
  | { kind: 'pipeline'; id: string; deleted: boolean; pipeline: LivePipeline | null }
  | { kind: 'notification'; id: string; notification: NotificationOut }
  | { kind: 'notifications'; id: null; unread: number; last_seq: number }
  /** Whatever is shown must be loaded again: the stream could not say everything that changed. */
  | { kind: 'ready'; id: null; resumed: boolean }
  | { kind: 'reset'; id: null };

export type LiveJob = Partial<JobOut> & Pick<JobOut, 'id' | 'status'> & { last_seq?: number };
export type LiveDataset = Partial<DatasetOut> &
  Pick<DatasetOut, 'id' | 'status'> & { phase?: string | null; progress?: number | null };
export type LivePipeline = Partial<PipelineOut> & Pick<PipelineOut, 'id' | 'status'>;

/** A metric, log line, change of status or artifact of a job that somebody follows. */
export interface JobEvent {
  kind: 'metric' | 'log' | 'status' | 'artifact' | 'resource';
  id: string;
  event: EventOut & Record<string, unknown>;
}

export type Frame = LiveEvent | JobEvent;

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
