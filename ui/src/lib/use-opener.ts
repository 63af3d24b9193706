'use client';

import { useRef } from 'react';

/**
 * Gives the focus back to what had it when a dialog opened, or to the page's title when that is gone: Radix does it only
 * for dialogs with a trigger of their own. The result is for the content's `onCloseAutoFocus`.
 */
export function useOpener(open: boolean): (event: Event) => void {
  const opener = useRef<HTMLElement | null>(null);
  const wasOpen = useRef(false);
  if (open && !wasOpen.current) opener.current = document.activeElement as HTMLElement | null;
  wasOpen.current = open;
  return (event) => {
    event.preventDefault();
    const target = opener.current;
    const isThere = target?.isConnected && target !== document.body;
    (isThere ? target : document.querySelector<HTMLElement>('[data-page-title]'))?.focus({
      preventScroll: true,
    });
  };
}
