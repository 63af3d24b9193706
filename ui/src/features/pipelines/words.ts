/** What stages are called, and what came of them. */

import type { PipelineOut, StageOut } from '@less-is-more/client';
import { fieldsOf, numberOf, textOf, valuesOf } from '@/features/jobs/model/job';
import { formatMetric, metricOf } from '@/features/jobs/model/metrics';
import { formatDuration, formatPercent, formatWords, plural } from '@/lib/format';

const TYPES: Record<string, string> = {
  ingest: 'Waits for the dataset',
  validate: 'Checks the recordings',
  select: 'Chooses the most useful recordings',
  sweep: 'Searches good settings',
  train: 'Trains',
  evaluate: 'Measures base and result',
  compare: 'Lets pass what is good enough',
  export: 'Makes a version of an adapter',
};

export function stageWords(type: string): string {
  return TYPES[type] ?? formatWords(type);
}

/** "2 of 6 stages done, train runs". */
export function progressWords(pipeline: Pick<PipelineOut, 'stages'>): string {
  const done = pipeline.stages.filter((stage) => stage.status === 'succeeded').length;
  const running = pipeline.stages.filter((stage) => stage.status === 'running').map((stage) => stage.name);
  const words = `${done} of ${plural(pipeline.stages.length, 'stage')} done`;
  return running.length > 0
    ? `${words}, ${running.join(' and ')} ${running.length > 1 ? 'run' : 'runs'}`
    : words;
}

/** What a stage has found, in a few words; null where it says nothing. */
export function resultWords(stage: Pick<StageOut, 'result'>): string | null {
  const result = fieldsOf(stage.result);
  const words: string[] = [];
  const primary = textOf(result.primary);
  if (primary !== null) {
    const tuned = valuesOf(result.tuned)[primary];
    const base = valuesOf(result.base)[primary];
    if (tuned !== undefined) words.push(`${metricOf(primary).title} ${formatMetric(primary, tuned)}`);
    if (base !== undefined) words.push(`base ${formatMetric(primary, base)}`);
  }
  const utterances = numberOf(result.utterances);
  if (utterances !== null) words.push(plural(utterances, 'recording'));
  const audio = numberOf(result.audio_s);
  if (audio !== null) words.push(`${formatDuration(audio)} of audio`);
  const aside = numberOf(result.set_aside_share);
  if (aside !== null) words.push(`${formatPercent(aside)} set aside`);
  const version = numberOf(result.version) ?? numberOf(result.number);
  if (version !== null && textOf(result.adapter_id) !== null) words.push(`version ${version}`);
  return words.length > 0 ? words.join(' · ') : null;
}

/** The job that a stage ran: a sweep has its own page. */
export function jobHref(stage: Pick<StageOut, 'type'>, jobId: string): string {
  return stage.type === 'sweep' ? `/sweeps/${jobId}` : `/jobs/${jobId}`;
}
