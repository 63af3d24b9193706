'use client';

import { PageHeader } from '@/components/ui/page-header';

export function ModelDetailsScreen() {
  return <PageHeader title="Model" />;
}
