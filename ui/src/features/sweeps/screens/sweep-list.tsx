'use client';

import { PageHeader } from '@/components/ui/page-header';

export function SweepListScreen() {
  return <PageHeader title="Sweeps" />;
}
