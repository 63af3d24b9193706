'use client';

import { useCallback, useEffect, useState } from 'react';

type LaterSteps = typeof import('./later-steps');

/** The later steps, once they are loaded; loading begins when they are wanted. */
export function useLaterSteps(wanted: boolean) {
  const [steps, setSteps] = useState<LaterSteps | null>(null);
  const [error, setError] = useState<unknown>(null);
  const load = useCallback(() => {
    setError(null);
    import('./later-steps').then(setSteps, setError);
  }, []);
  const isMissing = wanted && steps === null && error === null;
  useEffect(() => {
    if (isMissing) load();
  }, [isMissing, load]);
  return { steps, error, load };
}
