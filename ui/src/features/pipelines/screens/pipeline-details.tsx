'use client';

import { PageHeader } from '@/components/ui/page-header';

export function PipelineDetailsScreen() {
  return <PageHeader title="Pipeline" />;
}
