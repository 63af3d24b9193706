import type { DatasetVersionOut } from '@less-is-more/client';
import { describe, expect, it } from 'vitest';
import { differences, versionWords } from './words';

const version = (changes: Partial<DatasetVersionOut>): DatasetVersionOut => ({
  number: 1,
  status: 'ready',
  error: null,
  parent: null,
  options: { limits: { max_item_s: 30, min_item_s: 0.1 }, split: null },
  decisions: [],
  statistics: null,
  job_id: null,
  items: 1,
  created_at: '2026-11-30T12:00:00Z',
  finished_at: null,
  ...changes,
});

describe('versionWords', () => {
  it('counts corrections and names changed options, whatever the order of their keys', () => {
    const first = version({});
    const second = version({
      number: 2,
      parent: 1,
      decisions: [
        { do: 'reject', paths: ['a', 'b'] },
        { do: 'accept', codes: ['silent'] },
      ],
      options: { limits: { min_item_s: 0.1, max_item_s: 20 }, split: null },
    });
    expect(versionWords(second, [second, first])).toBe('3 corrections, other limits');
    const third = version({
      number: 3,
      parent: 1,
      options: { split: null, limits: { min_item_s: 0.1, max_item_s: 30 } },
    });
    expect(versionWords(third, [third, first])).toBe('restored as it was');
  });
});

describe('differences', () => {
  it('shows what only one of two versions has', () => {
    const rows = differences(
      { utterances: 10, set_aside_by_code: { silent: 2 } },
      { utterances: 12, set_aside_by_code: {} },
      (code) => code,
    );
    expect(rows).toEqual([
      { label: 'Items', before: 10, after: 12 },
      { label: 'Left out: silent', before: 2, after: 0 },
    ]);
  });
});
