'use client';

import { ProblemError, SignedOutError } from '@less-is-more/client';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { LazyMotion, MotionConfig } from 'motion/react';
import { type ReactNode, useState } from 'react';
import { Toaster } from '@/components/ui/toast';
import { TooltipProvider } from '@/components/ui/tooltip';
import { AuthProvider } from './auth/auth-provider';

const features = () => import('./motion-features').then((module) => module.default);

export function Providers({ children }: { children: ReactNode }) {
  const [queries] = useState(
    () =>
      new QueryClient({
        defaultOptions: {
          queries: {
            staleTime: 15_000,
            retry: (failures, error) => {
              if (error instanceof SignedOutError) return false;
              // What the client did wrong stays wrong.
              if (error instanceof ProblemError) return error.status >= 500 && failures < 2;
              return failures < 3;
            },
          },
        },
      }),
  );
  return (
    <QueryClientProvider client={queries}>
      <AuthProvider>
        <LazyMotion features={features} strict>
          <MotionConfig reducedMotion="user">
            <TooltipProvider delayDuration={300}>
              {children}
              <Toaster />
            </TooltipProvider>
          </MotionConfig>
        </LazyMotion>
      </AuthProvider>
    </QueryClientProvider>
  );
}
