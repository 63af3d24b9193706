import { describe, expect, it } from 'vitest';
import type { JobEvent } from '@/lib/live/protocol';
import { EventLog } from './event-log';

const event = (seq: number, kind: JobEvent['kind'] = 'metric'): JobEvent => ({
  kind,
  id: 'job',
  event: { seq, event_key: `train/${seq}`, time: '2026-11-30T20:00:00Z' },
});
const numbers = (log: EventLog, kind: JobEvent['kind'] = 'metric') =>
  log.of(kind).map((one) => one.event.seq);

describe('live events of a job', () => {
  it('keeps each event once, by kind', () => {
    const log = new EventLog();
    log.begin(10);
    log.push([event(11), event(12, 'log')]);
    log.push([event(11), event(13)]);
    expect(numbers(log)).toEqual([11, 13]);
    expect(numbers(log, 'log')).toEqual([12]);
    expect(log.floor('metric')).toBe(10);
  });

  it('says from where on it is complete after it has forgotten the oldest', () => {
    const log = new EventLog();
    log.begin(0);
    log.push(Array.from({ length: 9000 }, (_, index) => event(index + 1)));
    log.push([event(9001, 'log')]);
    const kept = numbers(log);
    expect(log.floor('metric')).toBe((kept[0] ?? 0) - 1);
    expect(kept.at(-1)).toBe(9000);
    expect(log.floor('log')).toBe(0);
  });

  it('gives the same array while nothing is new, so that nothing is drawn again', () => {
    const log = new EventLog();
    log.begin(0);
    log.push([event(1)]);
    const before = log.of('metric');
    log.push([event(2, 'log')]);
    expect(log.of('metric')).toBe(before);
  });
});
