import type { Resolver } from 'react-hook-form';
import { expect, it } from 'vitest';
import { resolverOnDemand } from './resolver';

interface Values {
  name: string;
}
const options = { fields: {}, shouldUseNativeValidation: false };
const check: Resolver<Values> = (values) => {
  if (values.name) return { values, errors: {} };
  return { values: {}, errors: { name: { type: 'required', message: '' } } };
};

it('checks by what it loads', async () => {
  const resolver = resolverOnDemand<Values>(async () => ({ default: check }));
  expect(await resolver({ name: 'ada' }, undefined, options)).toEqual({
    values: { name: 'ada' },
    errors: {},
  });
  expect((await resolver({ name: '' }, undefined, options)).errors.name?.type).toBe('required');
});

it('says what to do when it cannot be loaded, and tries again', async () => {
  let isAway = true;
  const resolver = resolverOnDemand<Values>(async () => {
    if (isAway) throw new TypeError('network');
    return { default: check };
  });
  expect((await resolver({ name: 'ada' }, undefined, options)).errors.root?.message).toContain('connection');
  isAway = false;
  expect((await resolver({ name: 'ada' }, undefined, options)).errors).toEqual({});
});
