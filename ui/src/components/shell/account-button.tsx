'use client';

import { ChevronsUpDown } from 'lucide-react';
import { OnDemand } from '@/components/ui/on-demand';
import { useUser } from '@/lib/auth/auth-provider';

const loadMenu = () => import('./account-menu');

/** Who is logged in; opens settings, theme and log-out. */
export function AccountButton() {
  const user = useUser();
  return (
    <OnDemand
      load={loadMenu}
      props={{}}
      button={{
        variant: 'ghost',
        className: 'h-11 w-full justify-start gap-2.5 px-2 text-left',
        children: (
          <>
            <span
              aria-hidden
              className="flex size-7 shrink-0 items-center justify-center rounded-full bg-primary-soft font-semibold text-primary-text text-xs uppercase"
            >
              {user.username.slice(0, 2)}
            </span>
            <span className="min-w-0 flex-1">
              <span className="sr-only">Account of </span>
              <span className="block truncate font-medium text-sm">{user.username}</span>
              <span className="block truncate font-normal text-muted-foreground text-xs">{user.email}</span>
            </span>
            <ChevronsUpDown className="size-4 text-muted-foreground" aria-hidden />
          </>
        ),
      }}
    />
  );
}
