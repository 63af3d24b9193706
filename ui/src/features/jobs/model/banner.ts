/** The state of a job in plain words, with the cure for what went wrong. */

import { formatDuration } from '@/lib/format';
import type { Job } from '../contract';
import { fieldsOf, kindWords, measured, numberOf, phaseWords, primaryOf } from './job';
import { formatMetric, isBetter, metricOf } from './metrics';

export interface Banner {
  tone: 'info' | 'success' | 'warning' | 'danger';
  title: string;
  text: string | null;
  /** What to do about a failure. */
  cure: string | null;
}

const CURES: [RegExp, string][] = [
  [
    /memory|oom\b|cuda out/i,
    'Make the micro-batch smaller (batch.micro_batch_cost), switch on gradient checkpointing, choose a smaller model, or give the job a device with more memory. Then start it again with “Clone”.',
  ],
  [
    /\bnan\b|not finite|infinite|diverge/i,
    'The training became unstable. Lower the learning rate or lengthen the warm-up: clone the job and change them.',
  ],
  [/budget/i, 'The budget is used up. Raise it, then resume: the job continues from its newest checkpoint.'],
  [
    /no node|nodes? (can|has|have|is|are)|placement|label/i,
    'No machine of the cluster can hold it now. Look at the cluster page; resume when the machine is back.',
  ],
  [
    /storage|quota|no space|disk/i,
    'Free some storage: delete jobs or datasets that are no longer needed, then resume.',
  ],
  [
    /dataset|recording|audio|manifest/i,
    'Look at the report of the dataset, correct or replace the recordings, and start again.',
  ],
  [
    /worker|driver|died|killed|lost|connection|actor/i,
    'A process of the cluster was lost. Resume: the job continues from its newest checkpoint.',
  ],
];
const ANY_CURE =
  'The last lines of the log say more. If the cause is gone, resume: it continues from its newest checkpoint.';

export function cureOf(error: string): string {
  return CURES.find(([pattern]) => pattern.test(error))?.[1] ?? ANY_CURE;
}

export function bannerOf(job: Job, nowMs: number): Banner | null {
  const what = kindWords(job.type);
  switch (job.status) {
    case 'queued':
      return null;
    case 'starting':
      return {
        tone: 'info',
        title: 'Starting',
        text: `The cluster is starting ${job.resources.num_workers === 1 ? 'a worker' : 'workers'} and loads the model. The first figures come within a minute or two.`,
        cure: null,
      };
    case 'running':
      return {
        tone: 'info',
        title: phaseWords(job.phase) ?? 'Running',
        text: job.attempt > 1 ? `Attempt ${job.attempt}: it goes on from its newest checkpoint.` : null,
        cure: null,
      };
    case 'stopping':
      return {
        tone: 'warning',
        title: 'Stopping',
        text: 'It saves a checkpoint first, so that it can be resumed where it stopped.',
        cure: null,
      };
    case 'stopped':
      return {
        tone: 'warning',
        title: 'Stopped',
        text: job.attempt === 0 ? 'It was stopped before it started.' : 'Its newest checkpoint is kept.',
        cure: job.attempt === 0 ? 'Resume puts it back into the queue.' : 'Resume continues from there.',
      };
    case 'failed': {
      const error = job.error ?? 'The reason is not known.';
      return { tone: 'danger', title: `${what} failed`, text: error, cure: cureOf(error) };
    }
    case 'succeeded':
      return {
        tone: succeededTone(job),
        title: succeededTitle(job),
        text: succeededText(job, nowMs),
        cure: null,
      };
    default:
      return null;
  }
}

function succeededTone(job: Job): Banner['tone'] {
  const primary = primaryOf(job);
  const { base, tuned } = measured(job);
  const before = primary === null ? undefined : base[primary];
  const after = primary === null ? undefined : tuned[primary];
  if (primary === null || before === undefined || after === undefined) return 'success';
  if (before === after) return 'info';
  return isBetter(primary, after, before) ? 'success' : 'warning';
}

function succeededTitle(job: Job): string {
  const primary = primaryOf(job);
  const { base, tuned } = measured(job);
  const before = primary === null ? undefined : base[primary];
  const after = primary === null ? undefined : tuned[primary];
  if (primary === null || after === undefined) return `${kindWords(job.type)} finished`;
  const { title } = metricOf(primary);
  if (before === undefined) return `${title} ${formatMetric(primary, after)}`;
  if (before === after) return `No change: ${title} stays at ${formatMetric(primary, after)}`;
  const direction = isBetter(primary, after, before) ? 'Better' : 'Worse';
  return `${direction} than the base: ${title} from ${formatMetric(primary, before)} to ${formatMetric(primary, after)}`;
}

function succeededText(job: Job, nowMs: number): string {
  const startedMs = new Date(job.started_at ?? job.created_at).getTime();
  const endedMs = job.finished_at ? new Date(job.finished_at).getTime() : nowMs;
  const examples = numberOf(fieldsOf(job.result).test_examples) ?? numberOf(fieldsOf(job.result).examples);
  const took = `Finished in ${formatDuration(Math.max(0, (endedMs - startedMs) / 1000))}`;
  if (examples === null) return `${took}.`;
  return `${took}; measured on ${examples} examples${job.type === 'training' ? ' that it was not trained on' : ''}.`;
}
