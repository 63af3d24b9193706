/**
 * Answers of the platform about one job that the generated client does not name: events carry free fields, and a job's
 * spec, metrics and result depend on its kind.
 */

import type { ArtifactOut, JobOut } from '@less-is-more/client';

/** A job with the number of its newest event. */
export type Job = JobOut & { last_seq?: number };
export type Artifact = ArtifactOut;

export interface CurveSeries {
  /** `loss`, `learning_rate`, `validation/wer`, ... */
  name: string;
  title: string;
  unit: string | null;
  /** What the x values count. */
  x?: 'step' | 'point';
  /** Points in the range on the platform. */
  total: number;
  /** Whether `steps` holds only some of them. */
  sampled: boolean;
  steps: number[];
  values: (number | null)[];
  times: number[];
}

export interface Curves {
  job_id: string;
  /** The newest event that was looked at. */
  last_seq: number;
  series: CurveSeries[];
}

export interface LogLine {
  seq: number;
  event_key: string;
  time: string;
  level: string;
  message: string;
  source?: string | undefined;
}

export interface LogPage {
  items: LogLine[];
  /** Lines that match, in this page or not. */
  total: number;
  next_cursor: string | null;
}

export interface ResourceSeries {
  name: string;
  title: string;
  unit: string | null;
  total: number;
  sampled: boolean;
  /** Unix seconds. */
  times: number[];
  values: (number | null)[];
}

export interface WorkerResources {
  worker: number;
  host: string;
  attempt: number;
  gpu: string | null;
  series: ResourceSeries[];
  limits?: {
    host_cores?: number | null;
    host_memory_bytes?: number | null;
    gpu_memory_bytes?: number | null;
  };
}

export interface Resources {
  job_id: string;
  last_seq: number;
  every_s: number;
  workers: WorkerResources[];
}

export interface Prediction {
  id: string;
  reference: string | string[];
  hypothesis: string | string[];
  /** Per example; null where the metric exists only over many. */
  metric: number | null;
  errors: {
    substitutions: number;
    deletions: number;
    insertions: number;
    reference_words: number;
  } | null;
  group: string | null;
  duration_s: number | null;
  scores: Record<string, number> | null;
  audio_url: string | null;
}

export interface Predictions {
  metric: string;
  higher_is_better: boolean;
  total: number;
  items: Prediction[];
  next_offset: number | null;
}
