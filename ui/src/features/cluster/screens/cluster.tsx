'use client';

import { PageHeader } from '@/components/ui/page-header';

export function ClusterScreen() {
  return <PageHeader title="Cluster" />;
}
