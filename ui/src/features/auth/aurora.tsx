'use client';

import { animate } from 'motion/mini';
import { useEffect, useRef } from 'react';

/** Lights that drift slowly behind the form, over a faint grid. Still for those who prefer it so. */
export function Aurora() {
  const lights = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (window.matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    const running = LIGHTS.map(({ path, durationS }, index) => {
      const light = lights.current?.children[index];
      if (!light) return null;
      const transform = path.map(([x, y, scale]) => `translate(${x}px, ${y}px) scale(${scale})`);
      return animate(light, { transform }, { duration: durationS, repeat: Infinity, ease: 'easeInOut' });
    });
    return () => {
      for (const animation of running) animation?.stop();
    };
  }, []);
  return (
    <div ref={lights} aria-hidden className="absolute inset-0 -z-10 overflow-hidden">
      {LIGHTS.map(({ color, className }) => (
        <div
          key={color}
          className={`absolute rounded-full ${className}`}
          style={{
            background: `radial-gradient(closest-side, color-mix(in oklch, var(${color}) var(--glow), transparent), transparent)`,
          }}
        />
      ))}
      <div className="absolute inset-0 [background-image:linear-gradient(var(--border)_1px,transparent_1px),linear-gradient(90deg,var(--border)_1px,transparent_1px)] [background-position:center] [background-size:48px_48px] [mask-image:radial-gradient(55%_50%_at_50%_45%,black,transparent)] opacity-70" />
    </div>
  );
}

/** Each drifts along a path: x and y in pixels, and its size. */
const LIGHTS = [
  {
    color: '--chart-1',
    className: '-top-[30rem] left-1/2 -ml-[34rem] size-[64rem]',
    path: [
      [0, 0, 1],
      [60, 30, 1.1],
      [-30, 50, 0.96],
      [0, 0, 1],
    ],
    durationS: 28,
  },
  {
    color: '--chart-7',
    className: 'top-[10%] left-1/2 ml-[4rem] size-[52rem]',
    path: [
      [0, 0, 1],
      [-70, 40, 1.1],
      [20, -30, 0.96],
      [0, 0, 1],
    ],
    durationS: 34,
  },
  {
    color: '--chart-6',
    className: 'top-[38%] left-1/2 -ml-[52rem] size-[56rem]',
    path: [
      [0, 0, 1],
      [50, -40, 1.1],
      [-40, 10, 0.96],
      [0, 0, 1],
    ],
    durationS: 40,
  },
];
