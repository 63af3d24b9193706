import type { DatasetItemOut } from '@less-is-more/client';
import { describe, expect, it } from 'vitest';
import {
  countOf,
  decisionsOf,
  drafted,
  EMPTY_DRAFT,
  howToKeep,
  withGroup,
  withItem,
  withoutGroup,
  withoutItem,
} from './draft';

const item = (changes: Partial<DatasetItemOut> = {}, codes: string[] = []): DatasetItemOut => ({
  path: 'a.wav',
  status: 'good',
  id: 'a',
  text: 'turn left',
  speaker: 'anna',
  group: 'anna',
  split: 'train',
  duration_s: 1,
  audio_url: '/a',
  findings: codes.map((code) => ({ code, severity: 'set_aside', reason: '', action: '' })),
  ...changes,
});

describe('a draft of the next version', () => {
  it('becomes decisions: kinds first, items together, edits one by one', () => {
    let draft = withGroup(EMPTY_DRAFT, { verdict: 'reject', code: 'noisy', count: 3 });
    draft = withItem(draft, item({ path: 'b.wav' }), { verdict: 'reject' });
    draft = withItem(draft, item({ path: 'c.wav' }), { verdict: 'reject' });
    draft = withItem(draft, item(), { text: 'turn right', group: null });
    expect(countOf(draft)).toBe(4);
    expect(decisionsOf(draft)).toEqual([
      { do: 'reject', codes: ['noisy'] },
      { do: 'reject', paths: ['b.wav', 'c.wav'] },
      { do: 'edit', paths: ['a.wav'], text: 'turn right', speaker: null },
    ]);
  });

  it('forgets what was changed back', () => {
    let draft = withItem(EMPTY_DRAFT, item(), { text: 'turn right', verdict: 'reject' });
    draft = withItem(draft, item(), { text: 'turn left' });
    expect(draft.items['a.wav']).toEqual({ verdict: 'reject' });
    draft = withItem(draft, item(), { verdict: 'accept' });
    expect(countOf(draft)).toBe(0);
    const both = withItem(withGroup(EMPTY_DRAFT, { verdict: 'accept', code: 'silent', count: 1 }), item(), {
      split: 'test',
    });
    expect(countOf(withoutGroup(withoutItem(both, 'a.wav'), 'silent'))).toBe(0);
  });

  it('shows items as they will be; a decision about one item counts more than one about its kind', () => {
    const noisy = item({ path: 'n.wav' }, ['noisy']);
    let draft = withGroup(EMPTY_DRAFT, { verdict: 'reject', code: 'noisy', count: 3 });
    expect(drafted(noisy, draft)).toMatchObject({ isIn: false, isChanged: true });
    draft = { ...draft, items: { 'n.wav': { verdict: 'accept' } } };
    expect(drafted(noisy, draft).isIn).toBe(true);
    expect(drafted(item(), draft)).toMatchObject({ isIn: true, isChanged: false, text: 'turn left' });
  });

  it('knows how what was left out can be kept', () => {
    const out = (codes: string[]) => item({ status: 'rejected', text: null }, codes);
    expect(howToKeep(out(['silent', 'near_duplicate']))).toBe('decide');
    expect(howToKeep(out(['missing_text']))).toBe('text');
    expect(howToKeep(out(['corrupt']))).toBe('never');
    const edited = withItem(EMPTY_DRAFT, out(['missing_text']), { text: 'hello' });
    expect(drafted(out(['missing_text']), edited).isIn).toBe(true);
  });
});
