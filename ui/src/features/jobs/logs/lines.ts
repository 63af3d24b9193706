/** The lines of a log: which there are, which match, and where. */

import type { JobEvent } from '@/lib/live/protocol';
import type { LogLine } from '../contract';
import { textOf } from '../model/job';

const SEVERITY: Record<string, number> = { debug: 0, info: 1, notice: 2, warning: 3, error: 4 };

export const LEVELS = [
  { value: 'info', label: 'Info and above' },
  { value: 'notice', label: 'Notices and above' },
  { value: 'warning', label: 'Warnings and errors' },
  { value: 'error', label: 'Errors' },
] as const;

/** Whether a live line matches, by the rules of the platform's search: text in any case, this level or more severe. */
export function matches(line: LogLine, q: string, level: string): boolean {
  if (level !== '' && (SEVERITY[line.level] ?? 1) < (SEVERITY[level] ?? 0)) return false;
  return q === '' || line.message.toLowerCase().includes(q.toLowerCase());
}

export function lineOf({ event }: JobEvent): LogLine {
  return {
    seq: event.seq,
    event_key: event.event_key,
    time: event.time,
    level: textOf(event.level) ?? 'info',
    message: textOf(event.message) ?? '',
    source: textOf(event.source) ?? undefined,
  };
}

/** A message cut where a text occurs in it: the parts at odd places are occurrences. */
export function marked(message: string, q: string): string[] {
  if (q === '') return [message];
  const parts: string[] = [];
  const lower = message.toLowerCase();
  const wanted = q.toLowerCase();
  let from = 0;
  for (;;) {
    const at = lower.indexOf(wanted, from);
    if (at < 0) break;
    parts.push(message.slice(from, at), message.slice(at, at + wanted.length));
    from = at + wanted.length;
  }
  return [...parts, message.slice(from)];
}

/** Lines per request. */
export const BLOCK = 500;

/** The blocks that a stretch of lines lies in. */
export function blocksOf(first: number, last: number): number[] {
  const from = Math.floor(Math.max(0, first) / BLOCK);
  const to = Math.floor(Math.max(0, last) / BLOCK);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
