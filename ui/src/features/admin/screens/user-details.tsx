'use client';

import { PageHeader } from '@/components/ui/page-header';

export function UserDetailsScreen() {
  return <PageHeader title="User" />;
}
