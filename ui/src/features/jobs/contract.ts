/**
 * Answers of the platform about one job that the generated client does not name: events carry free fields, and a job's
 * spec, metrics and result depend on its kind.
 */

import type {
  ArtifactOut,
  CurvesOut,
  JobOut,
  PredictionOut,
  PredictionsOut,
  QueueOut,
  ResourcesOut,
  SeriesOut,
  WorkerUseOut,
} from '@less-is-more/client';

export type Job = JobOut;
/** Where a queued job stands, and why it waits. */
export type Place = QueueOut;
export type Artifact = ArtifactOut;

export type CurveSeries = SeriesOut;
export type Curves = CurvesOut;

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
