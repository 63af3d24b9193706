'use client';

import { PageHeader } from '@/components/ui/page-header';

export function JobDetailsScreen() {
  return <PageHeader title="Training job" />;
}
