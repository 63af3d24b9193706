import { ProblemError } from '@less-is-more/client';
import { expect, it } from 'vitest';
import { wordsOf } from './problems';

it('says once when to come back, in minutes', () => {
  const problem = {
    type: 'about:blank',
    title: 'Too many requests',
    status: 429,
    code: 'refresh_throttled',
    detail: 'Too many refreshes of this login; try again in 256 seconds.',
    errors: [],
    correlation_id: 'a',
  };
  expect(wordsOf(new ProblemError(problem, 256))).toMatchObject({
    title: 'Too many refreshes of this login.',
    cure: 'Try again in 4 min 16 s.',
  });
});
