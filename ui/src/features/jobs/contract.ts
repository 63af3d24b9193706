/**
 * Answers of the platform about one job that the generated client does not name: events carry free fields, and a job's
 * spec, metrics and result depend on its kind.
 */

import type {
  ArtifactOut,
  JobOut,
  PredictionOut,
  PredictionsOut,
  ResourcesOut,
  WorkerUseOut,
} from '@less-is-more/client';

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

export type Resources = ResourcesOut;
export type WorkerResources = WorkerUseOut;
export type Predictions = PredictionsOut;
export type Prediction = PredictionOut;
