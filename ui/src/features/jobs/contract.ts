/** What the features of a job call the platform's answers about it. */

import type {
  ArtifactOut,
  CurvesOut,
  JobOut,
  PredictionOut,
  PredictionsOut,
  ResourcesOut,
  SeriesOut,
  UseSeriesOut,
  WorkerUseOut,
} from '@less-is-more/client';

export type Job = JobOut;
export type Artifact = ArtifactOut;
export type Curves = CurvesOut;
export type CurveSeries = SeriesOut;
export type Resources = ResourcesOut;
export type WorkerResources = WorkerUseOut;
export type ResourceSeries = UseSeriesOut;
export type Prediction = PredictionOut;
export type Predictions = PredictionsOut;

/** A line of the log: an event whose fields depend on its kind, of which these are known. */
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
