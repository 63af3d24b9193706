'use client';

import { Menu, Plus, Search } from 'lucide-react';
import Link from 'next/link';
import { Button } from '@/components/ui/button';
import { Kbd } from '@/components/ui/kbd';
import { Logo } from './logo';
import { NotificationBell } from './notification-bell';

export function TopBar({ onMenu, onSearch }: { onMenu: () => void; onSearch: () => void }) {
  return (
    <header className="sticky top-0 z-20 flex h-(--topbar-height) items-center gap-2 border-b bg-background/85 px-3 backdrop-blur-md sm:px-6 lg:px-8">
      <Button variant="ghost" size="icon" aria-label="Open navigation" onClick={onMenu} className="lg:hidden">
        <Menu aria-hidden />
      </Button>
      <Link href="/" prefetch={false} aria-label="Less Is More, overview" className="lg:hidden">
        <Logo withName={false} />
      </Link>
      <button
        type="button"
        onClick={onSearch}
        className="flex h-8 min-w-0 items-center gap-2 rounded-md border bg-card px-2.5 text-muted-foreground text-sm transition-colors hover:border-border-strong max-sm:flex-1 sm:w-72"
      >
        <Search className="size-4 shrink-0" aria-hidden />
        <span className="truncate">Search or jump to …</span>
        <Kbd className="ml-auto max-sm:hidden">Ctrl K</Kbd>
      </button>
      <div className="ml-auto flex items-center gap-1.5">
        <NotificationBell />
        <Button asChild variant="primary" className="max-sm:size-8 max-sm:p-0">
          <Link href="/jobs/new" prefetch={false}>
            <Plus aria-hidden />
            <span className="max-sm:sr-only">New training</span>
          </Link>
        </Button>
      </div>
    </header>
  );
}
