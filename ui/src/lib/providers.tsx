'use client';

import { ProblemError, SignedOutError } from '@less-is-more/client';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Toaster } from '@/components/ui/toast';
import { AuthProvider } from './auth/auth-provider';

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
        {children}
        <Toaster />
      </AuthProvider>
    </QueryClientProvider>
  );
}
