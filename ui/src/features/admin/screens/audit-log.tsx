'use client';

import { PageHeader } from '@/components/ui/page-header';

export function AuditLogScreen() {
  return <PageHeader title="Audit" />;
}
