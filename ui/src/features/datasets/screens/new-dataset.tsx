'use client';

import { PageHeader } from '@/components/ui/page-header';

export function NewDatasetScreen() {
  return <PageHeader title="Add dataset" />;
}
