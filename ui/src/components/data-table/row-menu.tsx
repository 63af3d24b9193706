'use client';

import { Ellipsis } from 'lucide-react';
import Link from 'next/link';
import { Button } from '@/components/ui/button';
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuTrigger,
} from '@/components/ui/dropdown-menu';
import type { RowAction } from './types';

export function RowMenu<Row>({ row, actions }: { row: Row; actions: readonly (RowAction<Row> | null)[] }) {
  const offered = actions.filter((action) => action !== null);
  if (offered.length === 0) return null;
  return (
    <DropdownMenu>
      <DropdownMenuTrigger asChild>
        <Button variant="ghost" size="icon-sm" aria-label="Actions">
          <Ellipsis aria-hidden />
        </Button>
      </DropdownMenuTrigger>
      <DropdownMenuContent>
        {offered.map((action) => {
          const { label, icon, href, onSelect, danger = false, disabled = false } = action;
          return href ? (
            <DropdownMenuItem key={label} asChild danger={danger} disabled={disabled}>
              <Link href={href} prefetch={false}>
                {icon}
                {label}
              </Link>
            </DropdownMenuItem>
          ) : (
            <DropdownMenuItem
              key={label}
              danger={danger}
              disabled={disabled}
              onSelect={() => onSelect?.(row)}
            >
              {icon}
              {label}
            </DropdownMenuItem>
          );
        })}
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
