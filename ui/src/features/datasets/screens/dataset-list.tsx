'use client';

import { PageHeader } from '@/components/ui/page-header';

export function DatasetListScreen() {
  return <PageHeader title="Datasets" />;
}
