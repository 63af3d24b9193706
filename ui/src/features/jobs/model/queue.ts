/** Where a queued job stands among its user's own, and why it waits, in plain words. */

import { formatDuration, plural } from '@/lib/format';
import type { Job } from '../contract';
import { needWords } from './job';

export interface Place {
  /** From 1. */
  position: number;
  of: number;
  reason: string;
}

/** The user's queued jobs in the order in which they start: by priority, then by age. */
export function inOrder(queued: readonly Job[]): Job[] {
  return [...queued].sort(
    (a, b) => b.priority - a.priority || a.queued_at.localeCompare(b.queued_at) || (a.id < b.id ? -1 : 1),
  );
}

/**
 * The place of each queued job.
 *
 * `running` is the number of the user's own jobs that the cluster works on. Other users' jobs are not visible: users
 * take turns, so a first place here is not the first place of the cluster.
 */
export function placesOf(queued: readonly Job[], running: number, nowMs: number): Map<string, Place> {
  const order = inOrder(queued);
  return new Map(
    order.map((job, index) => [
      job.id,
      { position: index + 1, of: order.length, reason: reasonOf(job, order, index, running, nowMs) },
    ]),
  );
}

function reasonOf(job: Job, order: readonly Job[], index: number, running: number, nowMs: number): string {
  const waitedS = Math.max(0, (nowMs - new Date(job.queued_at).getTime()) / 1000);
  if (job.type === 'ingestion') {
    return index === 0
      ? 'It starts as soon as a place for reading datasets is free.'
      : `${plural(index, 'job')} of yours ${index === 1 ? 'is' : 'are'} before it.`;
  }
  const needs = `It needs ${needWords(job)}.`;
  if (index > 0) {
    const ahead = order[index - 1];
    const higher = ahead !== undefined && ahead.priority > job.priority;
    return `${plural(index, 'job')} of yours ${index === 1 ? 'goes' : 'go'} first${
      higher ? ', with a higher priority' : ''
    }. ${needs}`;
  }
  if (job.attempt > 0) return `It was interrupted and continues from its newest checkpoint. ${needs}`;
  if (running > 0)
    return `The cluster is busy with ${plural(running, 'job')} of yours. ${needs} It starts when that is free.`;
  if (waitedS > 60)
    return `It is next of yours, and has waited ${formatDuration(waitedS)}: the cluster has no room, or it is another user's turn. ${needs}`;
  return `It is next. ${needs}`;
}
