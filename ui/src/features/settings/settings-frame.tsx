'use client';

import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { type ReactNode, useEffect, useRef } from 'react';
import { isCurrent, SETTINGS } from '@/components/shell/navigation';
import { cn } from '@/lib/cn';

/** The pages of the caller's own account, with their navigation at the side; on phones above. */
export function SettingsFrame({ children }: { children: ReactNode }) {
  const pathname = usePathname();
  const navigation = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page is current, so another link is scrolled to
  useEffect(() => {
    const link = navigation.current?.querySelector('[aria-current]');
    link?.scrollIntoView({ inline: 'center', block: 'nearest' });
  }, [pathname]);
  return (
    <div className="grid gap-6 lg:grid-cols-[11rem_minmax(0,44rem)] lg:gap-10">
      <nav
        ref={navigation}
        aria-label="Settings"
        className="-mx-4 overflow-x-auto px-4 sm:-mx-6 sm:px-6 lg:mx-0 lg:px-0"
      >
        <ul className="flex gap-px lg:flex-col">
          {SETTINGS.map((item) => {
            const current = isCurrent(item, pathname);
            return (
              <li key={item.href}>
                <Link
                  href={item.href}
                  prefetch={false}
                  aria-current={current ? 'page' : undefined}
                  className={cn(
                    'flex h-8 items-center gap-2 whitespace-nowrap rounded-md px-2.5 text-sm transition-colors',
                    current
                      ? 'bg-hover font-medium'
                      : 'text-muted-foreground hover:bg-hover hover:text-foreground',
                  )}
                >
                  <item.icon className="size-4" aria-hidden />
                  {item.label}
                </Link>
              </li>
            );
          })}
        </ul>
      </nav>
      <div className="min-w-0">{children}</div>
    </div>
  );
}
