'use client';

import { PageHeader } from '@/components/ui/page-header';

export function NewTrainingScreen() {
  return <PageHeader title="New training" />;
}
