import { describe, expect, it } from 'vitest';
import { compared, diffWords } from './diff';

const shown = (words: { text: string; change: string }[]) =>
  words.map(({ text, change }) => `${text}:${change}`);

describe('word differences', () => {
  it('align by the fewest errors', () => {
    const diff = diffWords('the cat sat on the mat', 'the hat sat on mat now');
    expect(shown(diff.reference)).toEqual([
      'the:same',
      'cat:substituted',
      'sat:same',
      'on:same',
      'the:deleted',
      'mat:same',
    ]);
    expect(shown(diff.hypothesis)).toEqual([
      'the:same',
      'hat:substituted',
      'sat:same',
      'on:same',
      'mat:same',
      'now:inserted',
    ]);
    expect(diff.counts).toEqual({ substituted: 1, deleted: 1, inserted: 1 });
  });

  it('do not count case and punctuation, and show words as they were written', () => {
    const diff = diffWords('Hello, World!', 'hello world');
    expect(diff.counts).toEqual({ substituted: 0, deleted: 0, inserted: 0 });
    expect(diff.reference.map((word) => word.text)).toEqual(['Hello,', 'World!']);
    expect(compared('—')).toBe('—');
    expect(compared("don't")).toBe("don't");
  });

  it('work on other scripts, and on nothing', () => {
    expect(diffWords('مرحبا بالعالم', 'مرحبا').counts.deleted).toBe(1);
    expect(diffWords('', 'one two').counts.inserted).toBe(2);
    expect(diffWords('', '')).toEqual({
      reference: [],
      hypothesis: [],
      counts: { substituted: 0, deleted: 0, inserted: 0 },
    });
  });
});
