/** What a dataset's report and statistics hold. The API's document leaves both open, because they grow with the checks. */

import type { DatasetOut } from '@less-is-more/client';

/** A dataset with what live events say about its processing. */
export type DatasetRow = DatasetOut & { phase?: string | null; progress?: number | null };

export type Severity = 'set_aside' | 'warning' | 'overruled' | 'dataset';
export type Split = 'train' | 'validation' | 'test';
export const SPLITS: readonly Split[] = ['train', 'validation', 'test'];

export interface Finding {
  code: string;
  /** Of the item in the source; null for the dataset as a whole. */
  path: string | null;
  severity: Severity;
  reason: string;
  action: string;
}

export interface Histogram {
  name: string;
  unit: string;
  /** Edges of the bins, one more than `counts`. */
  edges: number[];
  counts: number[];
  /** `p1`, `p5`, `p50`, `p95`, `p99`. */
  quantiles: Record<string, number>;
}

export interface DrawnFile {
  url: string;
  expires_at: string;
}

export interface Report {
  version: number;
  status: DatasetOut['status'];
  error: string | null;
  items_found: number;
  items_good: number;
  set_aside: Omit<Finding, 'severity'>[];
  set_aside_by_code?: Record<string, number>;
  page?: DrawnFile | null;
  drawing?: DrawnFile | null;
  layout?: string;
  layouts?: string[];
  metadata_files?: string[];
  text_source?: string;
  columns_read?: Record<string, string>;
  columns_ignored?: string[];
  audio_s?: number;
  shortest_s?: number | null;
  longest_s?: number | null;
  speakers?: Record<string, number>;
  without_speaker?: number;
  splits?: Record<string, number>;
  rates_hz?: Record<string, number>;
  formats?: Record<string, number>;
  labels?: Record<string, number>;
  captions?: number;
  target?: string;
  text?: {
    words: number;
    distinct: number;
    characters: number;
    longest_characters: number;
    alphabet: string;
  };
  warnings?: string[];
  validation?: {
    findings: Finding[];
    findings_by_code: Record<string, number>;
    overruled_by_code?: Record<string, number>;
    histograms: Histogram[];
    recommendations: string[];
  } | null;
}

export interface Statistics {
  utterances?: number;
  audio_s?: number;
  size?: number;
  set_aside?: number;
  items_found?: number;
  speakers?: Record<string, number>;
  labels?: Record<string, number>;
  splits?: Record<string, number>;
  set_aside_by_code?: Record<string, number>;
  shortest_s?: number;
  longest_s?: number;
  captions?: number;
}

/** The counts of a dataset's or a version's newest state. */
export function statisticsOf(row: { statistics: Record<string, unknown> | null }): Statistics {
  return (row.statistics ?? {}) as Statistics;
}

interface SourceFile {
  name: string;
  size: number;
}

/** Bytes of the files that a dataset was or will be uploaded from; null for other sources. */
export function sourceBytes(dataset: Pick<DatasetOut, 'source'>): number | null {
  const files = dataset.source.files as SourceFile[] | undefined;
  return files ? files.reduce((sum, file) => sum + file.size, 0) : null;
}

/** Where a dataset came from, in a few words. */
export function sourceWords(dataset: Pick<DatasetOut, 'source'>): string {
  const { type, files, url, uri } = dataset.source as {
    type?: string;
    files?: SourceFile[];
    url?: string;
    uri?: string;
  };
  if (type === 'upload') {
    if (files?.length === 1 && files[0]) return files[0].name;
    return `${files?.length ?? 0} uploaded files`;
  }
  return url ?? uri ?? '–';
}
