'use client';

import { Ellipsis } from 'lucide-react';
import { OnDemand } from '@/components/ui/on-demand';
import type { RowAction } from './types';

const loadMenu = () => import('@/components/ui/action-menu');
const BUTTON = {
  variant: 'ghost',
  size: 'icon-sm',
  'aria-label': 'Actions',
  children: <Ellipsis aria-hidden />,
} as const;

export function RowMenu<Row>({ row, actions }: { row: Row; actions: readonly (RowAction<Row> | null)[] }) {
  const offered = actions
    .filter((action) => action !== null)
    .map(({ onSelect, ...action }) => ({ ...action, onSelect: () => onSelect?.(row) }));
  if (offered.length === 0) return null;
  return <OnDemand load={loadMenu} button={BUTTON} props={{ actions: offered }} />;
}
