import { expect, it } from 'vitest';
import { keyFor } from './request-key';

it('keeps its key while the form holds the same', () => {
  const first = keyFor({ name: 'a' }, null);
  expect(keyFor({ name: 'a' }, first).key).toBe(first.key);
  expect(keyFor({ name: 'b' }, first).key).not.toBe(first.key);
});
