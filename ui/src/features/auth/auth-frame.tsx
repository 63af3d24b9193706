'use client';

import { useRouter } from 'next/navigation';
import { type ReactNode, useEffect } from 'react';
import { Logo } from '@/components/shell/logo';
import { useAuth } from '@/lib/auth/auth-provider';
import { Aurora } from './aurora';
import { nextPage } from './next-page';

/** The pages before the log-in. Who is logged in already goes on to where they were headed. */
export function AuthFrame({ children }: { children: ReactNode }) {
  const { status } = useAuth();
  const router = useRouter();
  useEffect(() => {
    if (status === 'in') router.replace(nextPage(window.location.search));
  }, [status, router]);
  return (
    <div className="relative isolate flex min-h-dvh flex-col overflow-hidden">
      <Aurora />
      <header className="px-6 pt-6 sm:px-8">
        <Logo />
      </header>
      <main className="flex flex-1 items-center justify-center px-4 py-10">
        <div className="w-full max-w-sm">{children}</div>
      </main>
      <footer className="px-6 pb-6 text-center text-muted-foreground text-xs">
        Fine-tune audio-text models on the hardware you have.
      </footer>
    </div>
  );
}
