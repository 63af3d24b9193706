'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useCallback, useEffect } from 'react';
import { newId } from '@/lib/request-key';
import { isStep, type StepId } from './steps';

/** What the address says: the step, what was chosen, and which draft it belongs to. */
export interface Place {
  /** Null: the first that is not done. */
  step: StepId | null;
  dataset: string;
  model: string;
  from: string;
  draft: string;
}

type Changes = Partial<Record<keyof Place, string>>;

/** The place in the wizard; a step is an entry of the browser's history, so that back and forward walk through them. */
export function usePlace(): [Place, (changes: Changes, how?: 'push' | 'replace') => void] {
  const params = useSearchParams();
  const pathname = usePathname();
  const move = useCallback(
    (changes: Changes, how: 'push' | 'replace' = 'replace') => {
      const next = new URLSearchParams(window.location.search);
      for (const [key, value] of Object.entries(changes)) {
        if (value) next.set(key, value);
        else next.delete(key);
      }
      const address = `${pathname}?${next.toString()}`;
      // Next follows both: `useSearchParams` changes with them, and nothing is fetched.
      if (how === 'push') window.history.pushState(null, '', address);
      else window.history.replaceState(null, '', address);
    },
    [pathname],
  );
  const draft = params.get('draft') ?? '';
  useEffect(() => {
    if (draft === '') move({ draft: newId() });
  }, [draft, move]);
  const step = params.get('step');
  return [
    {
      step: isStep(step) ? step : null,
      dataset: params.get('dataset') ?? '',
      model: params.get('model') ?? '',
      from: params.get('from') ?? '',
      draft,
    },
    move,
  ];
}
