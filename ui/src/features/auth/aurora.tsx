'use client';

import * as m from 'motion/react-m';

/** Lights that drift slowly behind the form, over a faint grid. Still for those who prefer it so. */
export function Aurora() {
  return (
    <div aria-hidden className="absolute inset-0 -z-10 overflow-hidden">
      {LIGHTS.map(({ color, className, x, y, durationS }) => (
        <m.div
          key={color}
          className={`absolute rounded-full ${className}`}
          style={{
            background: `radial-gradient(closest-side, color-mix(in oklch, var(${color}) var(--glow), transparent), transparent)`,
          }}
          animate={{ x, y, scale: [1, 1.1, 0.96, 1] }}
          transition={{ duration: durationS, repeat: Number.POSITIVE_INFINITY, ease: 'easeInOut' }}
        />
      ))}
      <div className="absolute inset-0 [background-image:linear-gradient(var(--border)_1px,transparent_1px),linear-gradient(90deg,var(--border)_1px,transparent_1px)] [background-position:center] [background-size:48px_48px] [mask-image:radial-gradient(55%_50%_at_50%_45%,black,transparent)] opacity-70" />
    </div>
  );
}

const LIGHTS = [
  {
    color: '--chart-1',
    className: '-top-[30rem] left-1/2 -ml-[34rem] size-[64rem]',
    x: [0, 60, -30, 0],
    y: [0, 30, 50, 0],
    durationS: 28,
  },
  {
    color: '--chart-7',
    className: 'top-[10%] left-1/2 ml-[4rem] size-[52rem]',
    x: [0, -70, 20, 0],
    y: [0, 40, -30, 0],
    durationS: 34,
  },
  {
    color: '--chart-6',
    className: 'top-[38%] left-1/2 -ml-[52rem] size-[56rem]',
    x: [0, 50, -40, 0],
    y: [0, -40, 10, 0],
    durationS: 40,
  },
];
