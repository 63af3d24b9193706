'use client';

import { PageHeader } from '@/components/ui/page-header';

export function UserListScreen() {
  return <PageHeader title="Users" />;
}
