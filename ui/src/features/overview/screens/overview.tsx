'use client';

import { PageHeader } from '@/components/ui/page-header';

export function OverviewScreen() {
  return <PageHeader title="Overview" />;
}
