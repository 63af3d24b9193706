import { describe, expect, it } from 'vitest';
import { blocksOf, marked, matches } from './lines';

const line = (level: string, message: string) => ({ seq: 1, event_key: 'a', time: '', level, message });

describe('lines of a log', () => {
  it('match by text in any case, and by level or a more severe one', () => {
    expect(matches(line('info', 'Checkpoint at step 30'), 'checkPOINT', '')).toBe(true);
    expect(matches(line('info', 'Checkpoint'), '', 'warning')).toBe(false);
    expect(matches(line('error', 'broken'), '', 'warning')).toBe(true);
    expect(matches(line('notice', '100%'), '0%', 'notice')).toBe(true);
  });

  it('mark each occurrence and lose no character', () => {
    const parts = marked('Step 1, step 2', 'STEP');
    expect(parts).toEqual(['', 'Step', ' 1, ', 'step', ' 2']);
    expect(parts.join('')).toBe('Step 1, step 2');
    expect(marked('a.b', '.')).toEqual(['a', '.', 'b']);
    expect(marked('nothing', '')).toEqual(['nothing']);
  });

  it('are read in blocks', () => {
    expect(blocksOf(0, 499)).toEqual([0]);
    expect(blocksOf(480, 1020)).toEqual([0, 1, 2]);
    expect(blocksOf(-5, -1)).toEqual([0]);
  });
});
