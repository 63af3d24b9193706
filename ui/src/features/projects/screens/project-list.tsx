'use client';

import { PageHeader } from '@/components/ui/page-header';

export function ProjectListScreen() {
  return <PageHeader title="Projects & adapters" />;
}
