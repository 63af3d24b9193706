'use client';

import { PageHeader } from '@/components/ui/page-header';

export function JobListScreen() {
  return <PageHeader title="Training jobs" />;
}
