'use client';

import { useEffect, useState } from 'react';

/** A value that follows another once it has rested for a while. */
export function useDebounced<T>(value: T, restMs = 250): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), restMs);
    return () => clearTimeout(timer);
  }, [value, restMs]);
  return settled;
}
