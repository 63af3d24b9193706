'use client';

import { PageHeader } from '@/components/ui/page-header';

export function ModelListScreen() {
  return <PageHeader title="Models" />;
}
