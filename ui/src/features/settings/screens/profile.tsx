'use client';

import { PageHeader } from '@/components/ui/page-header';

export function ProfileScreen() {
  return <PageHeader title="Profile" />;
}
