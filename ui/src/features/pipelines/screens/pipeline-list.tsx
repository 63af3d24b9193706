'use client';

import { PageHeader } from '@/components/ui/page-header';

export function PipelineListScreen() {
  return <PageHeader title="Pipelines" />;
}
