'use client';

import { PageHeader } from '@/components/ui/page-header';

export function SecurityLogScreen() {
  return <PageHeader title="Security log" />;
}
