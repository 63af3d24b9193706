'use client';

import * as m from 'motion/react-m';

/** Lights that drift slowly behind the form, over a faint grid. Still for those who prefer it so. */
export function Aurora() {
  return (
    <div aria-hidden className="-z-10 absolute inset-0 overflow-hidden">
      <div className="absolute inset-0 opacity-60 [background-image:linear-gradient(var(--border)_1px,transparent_1px),linear-gradient(90deg,var(--border)_1px,transparent_1px)] [background-size:44px_44px] [mask-image:radial-gradient(60%_55%_at_50%_42%,black,transparent)]" />
      {LIGHTS.map(({ className, x, y, lasts_s }) => (
        <m.div
          key={className}
          className={`absolute rounded-full blur-3xl ${className}`}
          animate={{ x, y, scale: [1, 1.12, 0.96, 1] }}
          transition={{ duration: lasts_s, repeat: Number.POSITIVE_INFINITY, ease: 'easeInOut' }}
        />
      ))}
    </div>
  );
}

const LIGHTS = [
  {
    className: 'top-[-12%] left-[8%] size-[34rem] bg-chart-1/18 dark:bg-chart-1/16',
    x: [0, 60, -20, 0],
    y: [0, 30, 60, 0],
    lasts_s: 26,
  },
  {
    className: 'right-[2%] top-[18%] size-[28rem] bg-chart-7/16 dark:bg-chart-7/10',
    x: [0, -70, 10, 0],
    y: [0, 50, -30, 0],
    lasts_s: 32,
  },
  {
    className: 'bottom-[-18%] left-[30%] size-[32rem] bg-chart-6/14 dark:bg-chart-6/12',
    x: [0, 40, -50, 0],
    y: [0, -40, -10, 0],
    lasts_s: 38,
  },
];
