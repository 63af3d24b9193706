'use client';

import Link from 'next/link';
import { lazy, Suspense } from 'react';
import { AccountButton } from './account-button';
import { Logo } from './logo';
import { Sections } from './sections';

interface SidebarProps {
  pathname: string;
  menuOpen: boolean;
  onMenuOpenChange: (open: boolean) => void;
}

const NavigationSheet = lazy(() => import('./navigation-sheet'));

/** Navigation: a column on wide screens, a sheet behind the menu button on narrow ones. */
export function Sidebar({ pathname, menuOpen, onMenuOpenChange }: SidebarProps) {
  return (
    <>
      <nav
        aria-label="Main"
        className="fixed inset-y-0 left-0 z-30 hidden w-(--sidebar-width) flex-col border-r bg-sidebar lg:flex"
      >
        <Link
          href="/"
          prefetch={false}
          className="mx-2 flex h-(--topbar-height) shrink-0 items-center rounded-md px-2"
          aria-label="Less Is More, overview"
        >
          <Logo />
        </Link>
        <Sections pathname={pathname} />
        <div className="border-t p-2">
          <AccountButton />
        </div>
      </nav>
      {menuOpen && (
        <Suspense>
          <NavigationSheet pathname={pathname} onClose={() => onMenuOpenChange(false)} />
        </Suspense>
      )}
    </>
  );
}
