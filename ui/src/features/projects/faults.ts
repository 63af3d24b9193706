/** Faults of a refused request, for forms of a few fields. */

import { ProblemError } from '@less-is-more/client';
import { wordsOf } from '@/lib/problems';

interface Faults {
  fields: Readonly<Record<string, string | undefined>>;
  /** What belongs to no field; null when the fields say all of it. */
  rest: { title: string; cure: string | null } | null;
}

export function faultsOf(error: unknown, names: readonly string[]): Faults {
  if (error === null || error === undefined) return { fields: {}, rest: null };
  const all = error instanceof ProblemError ? error.errors : [];
  const at = all.filter((fault) => names.includes(fault.path));
  const { title, cure } = wordsOf(error);
  const isSaid = at.length > 0 && at.length === all.length;
  return {
    fields: Object.fromEntries(at.map((fault) => [fault.path, fault.message])),
    rest: isSaid ? null : { title, cure },
  };
}
