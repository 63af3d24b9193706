import { beforeAll, describe, expect, it } from 'vitest';
import { setRegistries } from '@/lib/registries';
import { REGISTRIES } from '@/lib/registries.test-data';
import type { Job } from '../contract';
import { bannerOf, cureOf } from './banner';
import { doneWords, timeLeftS, totalEpochs } from './job';
import { bestIndex, formatMetric } from './metrics';

beforeAll(() => setRegistries(REGISTRIES));

const now = new Date('2026-11-30T20:00:10Z').getTime();
const job = (changes: Partial<Job>): Job =>
  ({
    type: 'training',
    status: 'running',
    phase: 'training',
    progress: 0.5,
    step: 30,
    epoch: 1.5,
    attempt: 1,
    metrics: { total_steps: 60, eta_s: 25 },
    spec: { config: { epochs: null, max_steps: 60 } },
    resources: { num_workers: 1 },
    result: null,
    error: null,
    created_at: '2026-11-30T20:00:00Z',
    started_at: '2026-11-30T20:00:00Z',
    updated_at: '2026-11-30T20:00:00Z',
    finished_at: null,
    ...changes,
  }) as Job;

describe('what a job has done', () => {
  it('is told in its own units', () => {
    expect(doneWords(job({}))).toBe('step 30 of 60 · epoch 1.5 of 3');
    expect(totalEpochs(job({ epoch: null }))).toBeNull();
    expect(doneWords(job({ type: 'ingestion', metrics: { items_read: 1200, items_found: 2000 } }))).toBe(
      '1,200 of 2000 items',
    );
    expect(doneWords(job({ type: 'sweep', metrics: { trials: 3, trials_ended: 0 } }))).toBe('trial 0 of 3');
    expect(doneWords(job({ step: 0 }))).toBeNull();
  });

  it('counts the time left down between two metrics, and only while it trains', () => {
    expect(timeLeftS(job({}), now)).toBe(15);
    expect(timeLeftS(job({ status: 'queued' }), now)).toBeNull();
    expect(timeLeftS(job({ phase: 'evaluating' }), now)).toBeNull();
    expect(timeLeftS(job({ metrics: {} }), now)).toBeNull();
  });
});

describe('the banner of a job', () => {
  it('says what came of it against the base, in the direction of the metric', () => {
    const done = (base: number, tuned: number, primary = 'wer') =>
      bannerOf(
        job({
          status: 'succeeded',
          result: { primary, base: { [primary]: base }, tuned: { [primary]: tuned }, test_examples: 100 },
          finished_at: '2026-11-30T20:01:00Z',
        }),
        now,
      );
    expect(done(0.08, 0.05)?.title).toBe('Better than the base: WER from 8.0 % to 5.0 %');
    expect(done(0.08, 0.1)?.title).toBe('Worse than the base: WER from 8.0 % to 10.0 %');
    expect(done(0.08, 0.1)?.tone).toBe('warning');
    expect(done(0.5, 0.6, 'accuracy')?.title).toContain('Better');
    expect(done(0.5, 0.5)?.title).toContain('No change');
    expect(done(0.08, 0.05)?.text).toBe(
      'Finished in 1 min 00 s; measured on 100 examples that it was not trained on.',
    );
  });

  it('has a cure for every failure', () => {
    expect(cureOf('CUDA out of memory')).toContain('micro-batch');
    expect(cureOf('the loss is not finite at step 3')).toContain('learning rate');
    expect(cureOf('something nobody has seen')).toContain('log');
    expect(bannerOf(job({ status: 'failed', error: null }), now)?.text).toBe('The reason is not known.');
  });
});

describe('metrics', () => {
  it('mark the best only where there is a difference', () => {
    expect(bestIndex('wer', [0.2, 0.1, null])).toBe(1);
    expect(bestIndex('accuracy', [0.2, 0.1])).toBe(0);
    expect(bestIndex('wer', [0.1, 0.1])).toBeNull();
    expect(bestIndex('wer', [0.1])).toBeNull();
    expect(bestIndex('wer', [0, 0.1])).toBe(0);
    expect(formatMetric('wer', 0)).toBe('0.0 %');
  });
});
