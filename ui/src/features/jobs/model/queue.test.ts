import { describe, expect, it } from 'vitest';
import type { Job } from '../contract';
import { placesOf } from './queue';

const now = new Date('2026-11-30T20:00:00Z').getTime();
const job = (id: string, changes: Partial<Job> = {}): Job =>
  ({
    id,
    type: 'training',
    priority: 0,
    attempt: 0,
    queued_at: '2026-11-30T19:59:50Z',
    resources: {
      num_workers: 1,
      cpus_per_worker: 1,
      gpus_per_worker: 0,
      memory_bytes_per_worker: 1073741824,
    },
    ...changes,
  }) as Job;

describe('the place in the queue', () => {
  it('is by priority, then by age', () => {
    const places = placesOf(
      [
        job('new'),
        job('old', { queued_at: '2026-11-30T19:00:00Z' }),
        job('urgent', { priority: 5, queued_at: '2026-11-30T19:59:59Z' }),
      ],
      0,
      now,
    );
    expect([...places].map(([id, { position, of }]) => [id, position, of])).toEqual([
      ['urgent', 1, 3],
      ['old', 2, 3],
      ['new', 3, 3],
    ]);
    expect(places.get('old')?.reason).toBe(
      '1 job of yours goes first, with a higher priority. It needs 1 CPU, 1 GiB of memory.',
    );
  });

  it('says what a first job waits for', () => {
    const reason = (one: Job, running = 0) => placesOf([one], running, now).get(one.id)?.reason;
    expect(reason(job('a'), 2)).toContain('busy with 2 jobs of yours');
    expect(reason(job('a', { attempt: 1 }))).toContain('interrupted');
    expect(reason(job('a', { queued_at: '2026-11-30T19:50:00Z' }))).toContain('has waited 10 min 00 s');
    expect(reason(job('a', { type: 'ingestion' }))).toContain('reading datasets');
  });
});
