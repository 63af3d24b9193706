'use client';

import { PageHeader } from '@/components/ui/page-header';

export function NewPipelineScreen() {
  return <PageHeader title="New pipeline" />;
}
