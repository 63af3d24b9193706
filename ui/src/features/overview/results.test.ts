import { expect, test } from 'vitest';
import { gainOf } from './results';

test('a gain is the primary metric of base and adapter', () => {
  const result = { primary: 'wer', base: { wer: 0.5, cer: 0.2 }, tuned: { wer: 0.1 } };
  expect(gainOf({ result })).toEqual({ metric: 'wer', before: 0.5, after: 0.1 });
});

test('without both measurements there is none', () => {
  expect(gainOf({ result: null })).toBeNull();
  expect(gainOf({ result: { primary: 'wer', base: null, tuned: { wer: 0.1 } } })).toBeNull();
});
