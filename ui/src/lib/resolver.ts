'use client';

import type { FieldErrors, FieldValues, Resolver } from 'react-hook-form';

/** Checks a form by a schema that is loaded when something is checked first, with the library that it is written in. */
export function resolverOnDemand<Values extends FieldValues>(
  load: () => Promise<{ default: Resolver<Values> }>,
): Resolver<Values> {
  return async (values, context, options) => {
    let check: Resolver<Values>;
    try {
      check = (await load()).default;
    } catch {
      const message = 'A part of the page could not be loaded. Check the connection and try again.';
      return { values: {}, errors: { root: { type: 'load', message } } as FieldErrors<Values> };
    }
    return check(values, context, options);
  };
}
