'use client';

import { useEffect, useRef, useState } from 'react';
import { formatCount } from '@/lib/format';
import { usePrefersReducedMotion } from '@/lib/use-media';

const LASTS_MS = 700;

/** A number that counts up to its value once, and to each new value. Screen readers get the value. */
export function CountUp({
  value,
  format = formatCount,
}: {
  value: number;
  format?: (value: number) => string;
}) {
  const still = usePrefersReducedMotion();
  const [shown, setShown] = useState(still ? value : 0);
  const from = useRef(shown);
  useEffect(() => {
    if (still) {
      setShown(value);
      return;
    }
    const start = performance.now();
    const begin = from.current;
    let frame = requestAnimationFrame(function step(now) {
      const t = Math.min(1, (now - start) / LASTS_MS);
      from.current = begin + (value - begin) * (1 - (1 - t) ** 3);
      setShown(t === 1 ? value : from.current);
      if (t < 1) frame = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(frame);
  }, [value, still]);
  return (
    <>
      <span aria-hidden className="tabular">
        {format(shown)}
      </span>
      <span className="sr-only">{format(value)}</span>
    </>
  );
}
