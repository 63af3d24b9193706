'use client';

import { PageHeader } from '@/components/ui/page-header';

export function DatasetDetailsScreen() {
  return <PageHeader title="Dataset" />;
}
