import { describe, expect, it } from 'vitest';
import type { Job } from '@/features/jobs/contract';
import { csvOf, metricsOf, settingsOf } from './table';

const job = (name: string, rate: number, wer: number | null, more: Partial<Job> = {}): Job =>
  ({
    id: name,
    name,
    type: 'training',
    status: 'succeeded',
    model_id: 'whisper-pico',
    dataset_id: 'd',
    dataset_version: 1,
    spec: { config: { seed: 0, optimizer: { learning_rate: rate } } },
    resources: { num_workers: 1 },
    metrics: { loss: rate },
    result: wer === null ? null : { tuned: { wer }, base: { wer: 0.3 }, peak_bytes: 10 },
    usage: { wall_s: 5 },
    ...more,
  }) as Job;

describe('a comparison', () => {
  it('shows only the settings that differ', () => {
    const jobs = [job('a', 0.1, 0.2), job('b', 0.2, 0.1)];
    expect(settingsOf(jobs, true)).toEqual([{ path: 'optimizer.learning_rate', values: [0.1, 0.2] }]);
    expect(settingsOf(jobs, false).map((row) => row.path)).toContain('seed');
  });

  it('counts a setting that only one run has as a difference', () => {
    const jobs = [
      job('a', 0.1, null),
      job('b', 0.1, null, {
        spec: { config: { seed: 0, optimizer: { learning_rate: 0.1 }, ema_decay: 0.9 } },
      }),
    ];
    expect(settingsOf(jobs, true)).toEqual([{ path: 'ema_decay', values: [undefined, 0.9] }]);
  });

  it('marks the best in the direction of each metric, and nothing where all are the same', () => {
    const rows = metricsOf([job('a', 0.1, 0.2), job('b', 0.2, 0.1), job('c', 0.3, null)]);
    const of = (group: string, name: string) => rows.find((row) => row.group === group && row.name === name);
    expect(of('Result', 'wer')).toMatchObject({ values: [0.2, 0.1, null], best: 1 });
    expect(of('Base', 'wer')?.best).toBeNull();
    expect(of('Cost', 'wall_s')?.best).toBeNull();
    expect(of('Training', 'loss')?.best).toBe(0);
  });

  it('exports names with commas, quotes and formulas as text', () => {
    const jobs = [job('a, "b"', 0.1, 0.2), job('=1+1', 0.2, 0.1)];
    const csv = csvOf(jobs, metricsOf(jobs), settingsOf(jobs, true));
    expect(csv.split('\r\n')[0]).toBe(`,"a, ""b""",'=1+1`);
    expect(csv).toContain('result wer,0.2,0.1');
    expect(csv).toContain('optimizer.learning_rate,0.1,0.2');
  });
});
