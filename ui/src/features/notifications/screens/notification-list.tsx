'use client';

import { PageHeader } from '@/components/ui/page-header';

export function NotificationListScreen() {
  return <PageHeader title="Notifications" />;
}
