'use client';

import { useCallback, useSyncExternalStore } from 'react';

/** Whether a media query matches. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      const list = matchMedia(query);
      list.addEventListener('change', listener);
      return () => list.removeEventListener('change', listener);
    },
    [query],
  );
  return useSyncExternalStore(
    subscribe,
    () => matchMedia(query).matches,
    () => false,
  );
}

/** Whether there is room for a table and the sidebar. */
export const useIsWide = () => useMedia('(min-width: 768px)');
export const usePrefersReducedMotion = () => useMedia('(prefers-reduced-motion: reduce)');
