'use client';

import { LazyMotion, MotionConfig } from 'motion/react';
import type { ReactNode } from 'react';

const features = () => import('./features').then((module) => module.default);

/** Around what uses `motion/react-m`. Not around the whole page: most pages move by CSS alone and need none of it. */
export function Animated({ children }: { children: ReactNode }) {
  return (
    <LazyMotion features={features} strict>
      <MotionConfig reducedMotion="user">{children}</MotionConfig>
    </LazyMotion>
  );
}
