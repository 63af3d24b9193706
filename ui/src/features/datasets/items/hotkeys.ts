'use client';

import { useEffect, useEffectEvent } from 'react';

/** Single keys of a page; not while somebody writes, and not with a modifier, which is the browser's. */
export function useHotkeys(keys: Record<string, (() => void) | undefined>, isOn = true): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    if (target.closest('input, textarea, select, [contenteditable=true], [role=listbox], [role=menu]'))
      return;
    // Space presses a button that has the focus; it must not play as well.
    if ((event.key === ' ' || event.key === 'Enter') && target.closest('button, a, [role=slider]')) return;
    const act = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
  useEffect(() => {
    if (!isOn) return;
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [isOn]);
}
