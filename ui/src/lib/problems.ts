/** Errors in plain words with the cure, from whatever was thrown. */

import { ConnectionError, ProblemError, SignedOutError } from '@less-is-more/client';
import type { FieldValues, Path, UseFormReturn } from 'react-hook-form';
import { formatDuration } from './format';

export interface Words {
  /** What went wrong, one sentence. */
  title: string;
  /** What to do about it; null where the title says it. */
  cure: string | null;
  /** Id of the request in the platform's logs, for those who run it. */
  reference: string | null;
  isConnection: boolean;
}

/** Cures by the problem's `code`, where the platform's own sentence does not hold one. */
const CURES: Record<string, string> = {
  not_found: 'It may have been deleted, or it belongs to someone else.',
  insufficient_scope: 'Ask an administrator for access.',
  forbidden: 'Ask an administrator for access.',
  too_many_requests: 'Wait a moment, then try again.',
  internal_error: 'Try again. If it stays, give the request id below to the person who runs the platform.',
  database_unavailable: 'The platform is restarting a part of itself. It will be back within seconds.',
  conflicting_request: 'Reload, look at what is there now, and try again.',
};

/** How the platform says when to come back; shown once, and in minutes. */
const WHEN = /; try again in \d+ seconds\.$/;

export function wordsOf(error: unknown): Words {
  if (error instanceof ProblemError) {
    const wait = error.retryAfterS !== null ? `Try again in ${formatDuration(error.retryAfterS)}.` : null;
    const faults = error.errors.map((fault) =>
      fault.path ? `${fault.path}: ${fault.message}` : fault.message,
    );
    return {
      title: wait === null ? error.detail : error.detail.replace(WHEN, '.'),
      cure:
        wait ??
        CURES[error.status === 404 ? 'not_found' : error.code] ??
        (faults.length > 0 ? faults.join(' · ') : null),
      reference: error.status >= 500 ? error.correlationId : null,
      isConnection: false,
    };
  }
  if (error instanceof ConnectionError) {
    return {
      title: 'The platform cannot be reached',
      cure: 'Check that it is running and that this device is online. The page reconnects by itself.',
      reference: null,
      isConnection: true,
    };
  }
  if (error instanceof SignedOutError) {
    return {
      title: 'Your login has ended',
      cure: 'Log in again to go on.',
      reference: null,
      isConnection: false,
    };
  }
  return {
    title: 'Something went wrong in this page',
    cure: error instanceof Error ? error.message : 'Reload the page and try again.',
    reference: null,
    isConnection: false,
  };
}

/**
 * Put the faults of a refused request at the fields of a form; what belongs to no field becomes the form's own error
 * (`form.formState.errors.root`). `fieldOf` maps a path of the body to a field where they differ.
 */
export function showProblem<T extends FieldValues>(
  form: UseFormReturn<T>,
  error: unknown,
  fieldOf: (path: string) => string | null = (path) => path,
): void {
  const rest: string[] = [];
  let focused = false;
  if (error instanceof ProblemError) {
    for (const fault of error.errors) {
      const field = fieldOf(fault.path);
      if (field !== null && isField(form, field)) {
        form.setError(
          field as Path<T>,
          { type: 'server', message: fault.message },
          { shouldFocus: !focused },
        );
        focused = true;
      } else {
        rest.push(fault.path ? `${fault.path}: ${fault.message}` : fault.message);
      }
    }
  }
  if (focused && rest.length === 0) return;
  const { title, cure } = wordsOf(error);
  const message =
    rest.length > 0 ? rest.join(' ') : [title, cure].filter(Boolean).join(/[.!?]$/.test(title) ? ' ' : '. ');
  form.setError('root', { type: 'server', message });
}

function isField<T extends FieldValues>(form: UseFormReturn<T>, path: string): boolean {
  let node: unknown = form.getValues();
  for (const part of path.split('.')) {
    if (typeof node !== 'object' || node === null || !(part in node)) return false;
    node = (node as Record<string, unknown>)[part];
  }
  return true;
}
