'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useCallback } from 'react';

/**
 * State in the query string, so that a link or a reload shows the same: filters, a search, a tab.
 * A value that equals its default is left out.
 */
export function useUrlState<T extends Record<string, string>>(
  defaults: T,
): [T, (changes: Partial<Record<keyof T, string>>) => void] {
  const params = useSearchParams();
  const pathname = usePathname();
  const state = Object.fromEntries(
    Object.entries(defaults).map(([key, value]) => [key, params.get(key) ?? value]),
  ) as T;
  const change = useCallback(
    (changes: Partial<Record<keyof T, string>>) => {
      const next = new URLSearchParams(window.location.search);
      for (const [key, value] of Object.entries(changes)) {
        if (value === undefined || value === '' || value === defaults[key]) next.delete(key);
        else next.set(key, value);
      }
      const query = next.toString();
      // Next follows history.replaceState: `useSearchParams` changes with it, and nothing is fetched.
      window.history.replaceState(null, '', query ? `${pathname}?${query}` : pathname);
    },
    [pathname, defaults],
  );
  return [state, change];
}
