'use client';

import { createContext, useContext } from 'react';
import type { Json, JsonObject } from './json';

export interface FormState {
  value: JsonObject;
  /** Set a field; the path of a union's tag changes its branch. */
  change: (path: string, to: Json) => void;
  /** The fault of each path. */
  faults: ReadonlyMap<string, string>;
  changed: ReadonlySet<string>;
  /** Branches that cannot be changed here, with the reason. */
  locked: Readonly<Record<string, string>>;
}

const FormContext = createContext<FormState | null>(null);
export const FormProvider = FormContext.Provider;

export function useFormState(): FormState {
  const state = useContext(FormContext);
  if (state === null) throw new Error('useFormState needs a SchemaForm above it');
  return state;
}

/** Id of the row of a field, for jumping to it. */
export const rowId = (path: string) => `field-${path.replaceAll('.', '-')}`;
export const controlId = (path: string) => `control-${path.replaceAll('.', '-')}`;

/** Scroll to a field and focus its control; false where it is not shown. */
export function focusField(path: string): boolean {
  // The fault of a place in a list belongs to the row of the list.
  for (let at = path; at; at = at.includes('.') ? at.slice(0, at.lastIndexOf('.')) : '') {
    const row = document.getElementById(rowId(at));
    if (!row) continue;
    const control = row.querySelector<HTMLElement>(
      '[data-control] :is(input, button, textarea, select):not(:disabled)',
    );
    row.scrollIntoView({ block: 'center' });
    control?.focus({ preventScroll: true });
    return true;
  }
  return false;
}
