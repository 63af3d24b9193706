'use client';

import { PageHeader } from '@/components/ui/page-header';

export function SweepDetailsScreen() {
  return <PageHeader title="Sweep" />;
}
