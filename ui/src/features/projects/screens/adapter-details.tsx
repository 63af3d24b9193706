'use client';

import { PageHeader } from '@/components/ui/page-header';

export function AdapterDetailsScreen() {
  return <PageHeader title="Adapter" />;
}
