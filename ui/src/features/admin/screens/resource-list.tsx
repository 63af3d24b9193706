'use client';

import { PageHeader } from '@/components/ui/page-header';

export function ResourceListScreen() {
  return <PageHeader title="Everything" />;
}
