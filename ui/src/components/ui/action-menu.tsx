'use client';

import Link from 'next/link';
import type { ComponentProps, ReactNode } from 'react';
import { Button } from './button';
import { DropdownMenu, DropdownMenuContent, DropdownMenuItem, DropdownMenuTrigger } from './dropdown-menu';

export interface MenuAction {
  label: string;
  icon?: ReactNode;
  /** Does it; or `href` leads there. */
  onSelect?: () => void;
  href?: string;
  danger?: boolean;
  disabled?: boolean;
}

interface ActionMenuProps {
  actions: readonly MenuAction[];
  button: ComponentProps<typeof Button>;
}

/** A menu of actions, to be loaded by `OnDemand`. */
export default function ActionMenu({ actions, button }: ActionMenuProps) {
  return (
    <DropdownMenu defaultOpen>
      <DropdownMenuTrigger asChild>
        <Button {...button} />
      </DropdownMenuTrigger>
      <DropdownMenuContent>
        {actions.map(({ label, icon, href, onSelect, danger = false, disabled = false }) =>
          href ? (
            <DropdownMenuItem key={label} asChild danger={danger} disabled={disabled}>
              <Link href={href} prefetch={false}>
                {icon}
                {label}
              </Link>
            </DropdownMenuItem>
          ) : (
            <DropdownMenuItem key={label} danger={danger} disabled={disabled} onSelect={() => onSelect?.()}>
              {icon}
              {label}
            </DropdownMenuItem>
          ),
        )}
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
