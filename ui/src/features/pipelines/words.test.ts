import { beforeAll, expect, it } from 'vitest';
import { setRegistries } from '@/lib/registries';
import { REGISTRIES } from '@/lib/registries.test-data';
import { askedWords, failureOf, progressWords } from './words';

beforeAll(() => setRegistries(REGISTRIES));

it('lists the gates that were not passed', () => {
  expect(
    failureOf(
      'evaluate is best, and not good enough: its WER of 100.00 % is not lower than the 98.00 % of its base; its CER of 80.00 % is higher than 15.00 %.',
    ),
  ).toEqual({
    title: 'Evaluate is best, but not good enough',
    reasons: [
      'Its WER of 100.00 % is not lower than the 98.00 % of its base',
      'Its CER of 80.00 % is higher than 15.00 %',
    ],
  });
  expect(
    failureOf(
      'The dataset is not good enough: it has 24 good items; at least 5000 are asked for; 4 of 10 items (40.0%) were rejected. See GET /datasets/1/report.',
    ),
  ).toEqual({
    title: 'The dataset is not good enough',
    reasons: ['It has 24 good items; at least 5000 are asked for', '4 of 10 items (40.0%) were rejected'],
  });
  expect(failureOf('The node died.')).toEqual({ title: 'The node died.', reasons: [] });
});

it('says what stages ask for', () => {
  expect(
    askedWords({
      type: 'validate',
      settings: { least_utterances: 50, least_audio_s: 0, most_set_aside_share: 0.2, refuse: ['leakage'] },
    }),
  ).toEqual(['at least 50 recordings', 'at most 20 % rejected', 'no leakage']);
  expect(
    askedWords({
      type: 'compare',
      settings: {
        gates: [
          { metric: 'primary', better_than_base: true },
          { metric: 'wer', at_most: 0.15 },
        ],
        not_worse_than: 'digits',
      },
    }),
  ).toEqual(['better than its base', 'WER at most 15.0 %', 'not worse than the newest version of digits']);
});

it('counts what is done', () => {
  const stage = (name: string, status: string) => ({ name, status }) as never;
  expect(progressWords({ stages: [stage('ingest', 'succeeded'), stage('train', 'running')] })).toBe(
    '1 of 2 stages done, train runs',
  );
});
