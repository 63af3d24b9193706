'use client';

import { PageHeader } from '@/components/ui/page-header';

export function NewSweepScreen() {
  return <PageHeader title="New sweep" />;
}
