import { expect, it } from 'vitest';
import { readWritten } from './document';

it('knows the lines of fields, also of those that are missing', async () => {
  const { value, lineOf } = await readWritten('max_steps: 20\nstages:\n  - type: train\n  - type: export\n');
  expect(value.max_steps).toBe(20);
  expect(lineOf('stages.1.type')).toBe(4);
  expect(lineOf('stages.1.adapter')).toBe(4);
  expect(lineOf('name')).toBeNull();
});

it('takes an empty text, and refuses what is no mapping', async () => {
  expect((await readWritten('# only a comment\n')).value).toEqual({});
  await expect(readWritten('- a\n- b\n')).rejects.toThrow('as a mapping');
  await expect(readWritten('a: [1\n')).rejects.toMatchObject({ name: 'Error' });
});
