'use client';

import { PageHeader } from '@/components/ui/page-header';

export function CompareJobsScreen() {
  return <PageHeader title="Compare jobs" />;
}
