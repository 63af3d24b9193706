'use client';

import { useCallback, useState } from 'react';

/** State that survives a reload, in this browser. `key` is prefixed; values must be JSON. */
export function useStoredState<T>(key: string, initial: T): [T, (value: T) => void] {
  const name = `lim.${key}`;
  const [value, setValue] = useState<T>(() => {
    try {
      const text = localStorage.getItem(name);
      return text === null ? initial : (JSON.parse(text) as T);
    } catch {
      return initial;
    }
  });
  const store = useCallback(
    (next: T) => {
      setValue(next);
      try {
        localStorage.setItem(name, JSON.stringify(next));
      } catch {
        // Storage is full or blocked: the choice holds until the reload.
      }
    },
    [name],
  );
  return [value, store];
}
