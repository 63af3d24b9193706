'use client';

import { PageHeader } from '@/components/ui/page-header';

export function AppearanceScreen() {
  return <PageHeader title="Appearance" />;
}
