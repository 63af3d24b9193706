'use client';

import { ChevronsUpDown, LogOut, Monitor, Moon, Settings, Sun } from 'lucide-react';
import Link from 'next/link';
import { Button } from '@/components/ui/button';
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuLabel,
  DropdownMenuRadioGroup,
  DropdownMenuRadioItem,
  DropdownMenuSeparator,
  DropdownMenuTrigger,
} from '@/components/ui/dropdown-menu';
import { Sheet } from '@/components/ui/sheet';
import { useAuth, useUser } from '@/lib/auth/auth-provider';
import { cn } from '@/lib/cn';
import { setTheme, type Theme, useTheme } from '@/lib/theme';
import { Logo } from './logo';
import { ADMIN, isCurrent, type NavigationItem, SECTIONS } from './navigation';

interface SidebarProps {
  pathname: string;
  menuOpen: boolean;
  onMenuOpenChange: (open: boolean) => void;
}

/** Navigation: a column on wide screens, a sheet behind the menu button on narrow ones. */
export function Sidebar({ pathname, menuOpen, onMenuOpenChange }: SidebarProps) {
  return (
    <>
      <div className="fixed inset-y-0 left-0 z-30 hidden w-(--sidebar-width) flex-col border-r bg-sidebar lg:flex">
        <Link
          href="/"
          prefetch={false}
          className="flex h-(--topbar-height) shrink-0 items-center px-4"
          aria-label="Less Is More, overview"
        >
          <Logo />
        </Link>
        <Sections pathname={pathname} />
        <div className="border-t p-2">
          <AccountMenu />
        </div>
      </div>
      <Sheet
        open={menuOpen}
        onOpenChange={onMenuOpenChange}
        side="left"
        title={<Logo />}
        className="w-72 bg-sidebar"
      >
        <div className="-mx-5 flex h-full flex-col">
          <Sections pathname={pathname} onNavigate={() => onMenuOpenChange(false)} />
          <div className="border-t px-2 pt-2">
            <AccountMenu />
          </div>
        </div>
      </Sheet>
    </>
  );
}

function Sections({ pathname, onNavigate }: { pathname: string; onNavigate?: () => void }) {
  const { isAdmin } = useAuth();
  return (
    <nav aria-label="Main" className="min-h-0 flex-1 overflow-y-auto px-2 py-2">
      <Items items={SECTIONS} pathname={pathname} onNavigate={onNavigate} />
      {isAdmin && (
        <>
          <p className="mt-5 mb-1 px-2 font-medium text-muted-foreground text-xs">Administration</p>
          <Items items={ADMIN} pathname={pathname} onNavigate={onNavigate} />
        </>
      )}
    </nav>
  );
}

interface ItemsProps {
  items: readonly NavigationItem[];
  pathname: string;
  onNavigate: (() => void) | undefined;
}

function Items({ items, pathname, onNavigate }: ItemsProps) {
  return (
    <ul className="grid gap-px">
      {items.map((item) => {
        const current = isCurrent(item, pathname);
        return (
          <li key={item.href}>
            <Link
              href={item.href}
              prefetch={false}
              onClick={onNavigate}
              aria-current={current ? 'page' : undefined}
              className={cn(
                'flex h-8 items-center gap-2.5 rounded-md px-2 text-sm transition-colors max-lg:h-10',
                current
                  ? 'bg-hover font-medium text-foreground'
                  : 'text-muted-foreground hover:bg-hover hover:text-foreground',
              )}
            >
              <item.icon className={cn('size-4 shrink-0', current && 'text-primary-text')} aria-hidden />
              {item.label}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

function AccountMenu() {
  const user = useUser();
  const { logOut } = useAuth();
  const { theme } = useTheme();
  return (
    <DropdownMenu>
      <DropdownMenuTrigger asChild>
        <Button
          variant="ghost"
          className="h-11 w-full justify-start gap-2.5 px-2 text-left"
          aria-label={`Account of ${user.username}`}
        >
          <span
            aria-hidden
            className="flex size-7 shrink-0 items-center justify-center rounded-full bg-primary-soft font-semibold text-primary-text text-xs uppercase"
          >
            {user.username.slice(0, 2)}
          </span>
          <span className="min-w-0 flex-1">
            <span className="block truncate font-medium text-sm">{user.username}</span>
            <span className="block truncate font-normal text-muted-foreground text-xs">{user.email}</span>
          </span>
          <ChevronsUpDown className="size-4 text-muted-foreground" aria-hidden />
        </Button>
      </DropdownMenuTrigger>
      <DropdownMenuContent align="start" side="top" className="w-56">
        <DropdownMenuItem asChild>
          <Link href="/settings/profile" prefetch={false}>
            <Settings aria-hidden /> Profile and settings
          </Link>
        </DropdownMenuItem>
        <DropdownMenuSeparator />
        <DropdownMenuLabel>Theme</DropdownMenuLabel>
        <DropdownMenuRadioGroup value={theme} onValueChange={(value) => setTheme(value as Theme)}>
          <DropdownMenuRadioItem value="system">
            <Monitor aria-hidden /> System
          </DropdownMenuRadioItem>
          <DropdownMenuRadioItem value="light">
            <Sun aria-hidden /> Light
          </DropdownMenuRadioItem>
          <DropdownMenuRadioItem value="dark">
            <Moon aria-hidden /> Dark
          </DropdownMenuRadioItem>
        </DropdownMenuRadioGroup>
        <DropdownMenuSeparator />
        <DropdownMenuItem onSelect={() => void logOut()}>
          <LogOut aria-hidden /> Log out
        </DropdownMenuItem>
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
