/** What the free fields of a job say, for every kind of job. */

import { formatBytes, formatWords } from '@/lib/format';
import type { Job } from '../contract';

export type Values = Record<string, number>;
export type Fields = Record<string, unknown>;

const ENDED = new Set(['succeeded', 'failed', 'stopped']);
const KINDS: Record<string, string> = {
  training: 'Training',
  evaluation: 'Evaluation',
  selection: 'Selection',
  ingestion: 'Dataset import',
  sweep: 'Sweep',
};
const PHASES: Record<string, string> = {
  loading: 'Loading model and data',
  allocating: 'Measuring where ranks are worth most',
  evaluating_base: 'Measuring the base model',
  training: 'Training',
  evaluating: 'Measuring the result',
  saving: 'Saving',
  done: 'Done',
  fetching: 'Fetching recordings',
  reading: 'Reading recordings',
  storing: 'Storing',
};

export const JOB_STATUSES = [
  'queued',
  'starting',
  'running',
  'stopping',
  'stopped',
  'succeeded',
  'failed',
] as const;

export const JOB_KINDS = Object.entries(KINDS).map(([value, label]) => ({ value, label }));

export function hasEnded(status: string): boolean {
  return ENDED.has(status);
}

export function isResumable(status: string): boolean {
  return status === 'stopped' || status === 'failed';
}

export function isStoppable(status: string): boolean {
  return status === 'queued' || status === 'starting' || status === 'running';
}

export function kindWords(type: string): string {
  return KINDS[type] ?? formatWords(type);
}

export function phaseWords(phase: string | null | undefined): string | null {
  return phase ? (PHASES[phase] ?? formatWords(phase)) : null;
}

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The numbers among the fields of an object. */
export function valuesOf(value: unknown): Values {
  return Object.fromEntries(
    Object.entries(fieldsOf(value)).filter((pair): pair is [string, number] => numberOf(pair[1]) !== null),
  );
}

/** The training config that the job ran with; empty for kinds without one. */
export function configOf(job: Job): Fields {
  return fieldsOf(fieldsOf(job.spec).config);
}

/** Everything that the job was asked, resolved: what the Config tab shows. */
export function wholeConfigOf(job: Job): Fields {
  const { config, ...rest } = fieldsOf(job.spec);
  const own = config === undefined ? rest : { ...fieldsOf(config), ...omitEmpty(rest) };
  return { ...own, resources: job.resources };
}

function omitEmpty(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

/** Name of the metric that decides. */
export function primaryOf(job: Job): string | null {
  return textOf(job.metrics.primary) ?? textOf(fieldsOf(job.result).primary);
}

/** Metrics of the base model, of the result, and of the newest validation. */
export function measured(job: Job): { base: Values; tuned: Values; validation: Values } {
  const result = fieldsOf(job.result);
  return {
    base: valuesOf(result.base ?? job.metrics.base),
    tuned: valuesOf(result.tuned ?? job.metrics.tuned),
    validation: valuesOf(job.metrics.validation),
  };
}

export function totalSteps(job: Job): number | null {
  return numberOf(job.metrics.total_steps) ?? numberOf(configOf(job).max_steps);
}

/** How many epochs the whole run has, from what it has done so far. */
export function totalEpochs(job: Job): number | null {
  const asked = numberOf(configOf(job).epochs);
  if (asked !== null) return asked;
  const total = totalSteps(job);
  if (job.epoch === null || !job.step || total === null) return null;
  return (job.epoch * total) / job.step;
}

/** "step 20 of 60 · epoch 1.3 of 3.8", or what other kinds count. */
export function doneWords(job: Job): string | null {
  if (job.type === 'ingestion') {
    const found = numberOf(job.metrics.items_found);
    const read = numberOf(job.metrics.items_read);
    return read === null ? null : `${read.toLocaleString('en-GB')} of ${found ?? '?'} items`;
  }
  if (job.type === 'sweep') {
    const trials = numberOf(job.metrics.trials);
    const ended = numberOf(job.metrics.trials_ended);
    return ended === null ? null : `trial ${ended} of ${trials ?? '?'}`;
  }
  if (job.step === null || job.step === 0) return null;
  const steps = totalSteps(job);
  const words = [steps === null ? `step ${job.step}` : `step ${job.step} of ${steps}`];
  const epochs = totalEpochs(job);
  if (job.epoch !== null)
    words.push(
      epochs === null ? `epoch ${short(job.epoch)}` : `epoch ${short(job.epoch)} of ${short(epochs)}`,
    );
  return words.join(' · ');
}

function short(value: number): string {
  return value.toLocaleString('en-GB', { maximumFractionDigits: value < 10 ? 1 : 0 });
}

/**
 * Seconds until training is done: what the run said with its newest metric, less the time since. Null when the job does
 * not run or has not said it yet.
 */
export function timeLeftS(job: Job, nowMs: number): number | null {
  if (job.status !== 'running' && job.status !== 'stopping') return null;
  if (job.phase !== null && job.phase !== 'training') return null;
  const eta = numberOf(job.metrics.eta_s);
  if (eta === null || job.progress >= 1) return null;
  const sinceS = Math.max(0, (nowMs - new Date(job.updated_at).getTime()) / 1000);
  return Math.max(0, eta - sinceS);
}

/** What a job needs to start: "1 CPU · 1.3 GiB". */
export function needWords(job: Job): string {
  const of = fieldsOf(job.resources);
  const workers = numberOf(of.num_workers) ?? 1;
  const cpus = (numberOf(of.cpus_per_worker) ?? 1) * workers;
  const gpus = (numberOf(of.gpus_per_worker) ?? 0) * workers;
  const bytes = numberOf(of.memory_bytes_per_worker);
  const words = [`${cpus} ${cpus === 1 ? 'CPU' : 'CPUs'}`];
  if (gpus > 0) words.push(`${gpus} ${gpus === 1 ? 'GPU' : 'GPUs'}`);
  if (bytes !== null) words.push(`${formatBytes(bytes * workers)} of memory`);
  return words.join(', ');
}
