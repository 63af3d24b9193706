import type { NotificationOut } from '@less-is-more/client';

export type NotificationKind = NotificationOut['kind'];

/** Everything that one can be notified of, in the order of the settings. */
export const KINDS: readonly { kind: NotificationKind; title: string; description: string }[] = [
  {
    kind: 'job_succeeded',
    title: 'A job succeeds',
    description: 'Training, selection, evaluation or sweep.',
  },
  { kind: 'job_failed', title: 'A job fails', description: 'With the reason.' },
  {
    kind: 'job_stopped',
    title: 'A job is stopped',
    description: 'By you, by its budget or by an administrator.',
  },
  {
    kind: 'dataset_ready',
    title: 'A dataset is ready',
    description: 'Its recordings are checked and can be used.',
  },
  { kind: 'dataset_error', title: 'A dataset cannot be used', description: 'With what is wrong with it.' },
  { kind: 'pipeline_succeeded', title: 'A pipeline succeeds', description: 'All of its stages are done.' },
  {
    kind: 'pipeline_failed',
    title: 'A pipeline fails',
    description: 'A stage failed and its retries are used up.',
  },
  { kind: 'pipeline_stopped', title: 'A pipeline is stopped', description: 'It can be resumed.' },
];
