'use client';

import { PageHeader } from '@/components/ui/page-header';

export function ProjectDetailsScreen() {
  return <PageHeader title="Project" />;
}
