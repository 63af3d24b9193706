'use client';

import { PageHeader } from '@/components/ui/page-header';

export function ApiKeysScreen() {
  return <PageHeader title="API keys" />;
}
