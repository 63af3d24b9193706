import { describe, expect, it } from 'vitest';
import { failureOf } from './errors';
import type { Report } from './types';

const report = (codes: string[], good = 0): Report => ({
  version: 1,
  status: 'error',
  error: null,
  items_found: codes.length + good,
  items_good: good,
  set_aside: codes.map((code, index) => ({
    code,
    path: `${index}.wav`,
    reason: 'found nothing',
    action: 'give its text in metadata.csv',
  })),
});

describe('failureOf', () => {
  it('names the reason that stopped every item, and its cure', () => {
    expect(failureOf('none of 2 items can be used', report(['missing_text', 'missing_text']))).toEqual({
      title: 'None of the 2 items can be used: no text',
      cure: 'Give its text in metadata.csv.',
      isPassing: false,
    });
    expect(failureOf(null, report(['silent', 'missing_text', 'missing_text'])).title).toMatch(
      /most of them because: no text/,
    );
  });

  it('tells what may pass from what will not', () => {
    expect(failureOf('https://x.org/a.zip answered 404 Not Found', null).isPassing).toBe(false);
    expect(failureOf('The connection to x.org broke', null)).toMatchObject({ isPassing: true });
    expect(failureOf('something new', null).title).toBe('The dataset could not be processed');
  });
});
