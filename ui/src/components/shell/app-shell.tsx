'use client';

import { usePathname, useRouter } from 'next/navigation';
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from 'react';
import { useAuth } from '@/lib/auth/auth-provider';
import { LiveProvider } from '@/lib/live/live-provider';
import { ConnectionBanner } from './connection-banner';
import { ShellSkeleton } from './shell-skeleton';
import { Sidebar } from './sidebar';
import { TopBar } from './top-bar';
import { Unreachable } from './unreachable';

const CommandPalette = lazy(() => import('./command-palette'));

/** Everything around a page behind the log-in. Pages are rendered only once it is known who is there. */
export function AppShell({ children }: { children: ReactNode }) {
  const { status, error } = useAuth();
  const router = useRouter();
  const pathname = usePathname();
  useEffect(() => {
    if (status !== 'out') return;
    const here = `${window.location.pathname}${window.location.search}`;
    router.replace(here === '/' ? '/login' : `/login?next=${encodeURIComponent(here)}`);
  }, [status, router]);
  if (status === 'unreachable') return <Unreachable error={error} />;
  if (status !== 'in') return <ShellSkeleton />;
  return (
    <LiveProvider>
      <Frame pathname={pathname}>{children}</Frame>
    </LiveProvider>
  );
}

/** Focus the title, also of a page whose code or data is still on its way, unless the person goes elsewhere meanwhile. */
function focusTitle(main: HTMLElement): () => void {
  const before = document.activeElement;
  const wait = new MutationObserver(() => find());
  const find = () => {
    const title = main.querySelector<HTMLElement>('[data-page-title]');
    const now = document.activeElement;
    if (title === null && (now === before || now === document.body)) return;
    wait.disconnect();
    if (now === before || now === document.body) title?.focus({ preventScroll: true });
  };
  const frame = requestAnimationFrame(() => {
    wait.observe(main, { childList: true, subtree: true });
    find();
  });
  return () => {
    cancelAnimationFrame(frame);
    wait.disconnect();
  };
}

function Frame({ pathname, children }: { pathname: string; children: ReactNode }) {
  const [menuOpen, setMenuOpen] = useState(false);
  const [paletteOpen, setPaletteOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  // A page that was loaded at its own address keeps the focus where the browser put it.
  const { isLoggedInHere } = useAuth();
  const first = useRef(!isLoggedInHere);

  // After a navigation the new page's title has the focus: a screen reader reads it, Tab goes on behind it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the address is what says that another page is shown
  useEffect(() => {
    setMenuOpen(false);
    if (first.current) {
      first.current = false;
      return;
    }
    return main.current ? focusTitle(main.current) : undefined;
  }, [pathname]);

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === 'k' && (event.metaKey || event.ctrlKey)) {
        event.preventDefault();
        setPaletteOpen((open) => !open);
      }
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);

  return (
    <div className="min-h-dvh">
      <a
        href="#main"
        className="fixed top-2 left-2 z-70 -translate-y-16 rounded-md bg-primary px-3 py-1.5 font-medium text-primary-foreground text-sm focus:translate-y-0"
      >
        Skip to content
      </a>
      <Sidebar pathname={pathname} menuOpen={menuOpen} onMenuOpenChange={setMenuOpen} />
      <div className="lg:pl-(--sidebar-width)">
        <TopBar onMenu={() => setMenuOpen(true)} onSearch={() => setPaletteOpen(true)} />
        <ConnectionBanner />
        <main
          ref={main}
          id="main"
          tabIndex={-1}
          className="mx-auto w-full max-w-[84rem] px-4 pt-6 pb-16 outline-none sm:px-6 lg:px-8"
        >
          {children}
        </main>
      </div>
      {paletteOpen && (
        <Suspense>
          <CommandPalette onClose={() => setPaletteOpen(false)} />
        </Suspense>
      )}
    </div>
  );
}
