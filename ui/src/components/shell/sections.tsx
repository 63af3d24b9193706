'use client';

import Link from 'next/link';
import { useAuth } from '@/lib/auth/auth-provider';
import { cn } from '@/lib/cn';
import { ACCOUNT, ADMIN, isCurrent, type NavigationItem, SECTIONS } from './navigation';

interface SectionsProps {
  pathname: string;
  onNavigate?: () => void;
}

/** The links to all sections; those for administrators only to them. */
export function Sections({ pathname, onNavigate }: SectionsProps) {
  const { isAdmin } = useAuth();
  return (
    <div className="min-h-0 flex-1 overflow-y-auto px-2 py-2">
      <Items items={SECTIONS} pathname={pathname} onNavigate={onNavigate} />
      {isAdmin && (
        <>
          <p className="mt-5 mb-1 px-2 font-medium text-muted-foreground text-xs">Administration</p>
          <Items items={ADMIN} pathname={pathname} onNavigate={onNavigate} />
        </>
      )}
      <p className="mt-5 mb-1 px-2 font-medium text-muted-foreground text-xs">Account</p>
      <Items items={ACCOUNT} pathname={pathname} onNavigate={onNavigate} />
    </div>
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
