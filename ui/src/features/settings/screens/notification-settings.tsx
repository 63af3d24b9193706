'use client';

import { PageHeader } from '@/components/ui/page-header';

export function NotificationSettingsScreen() {
  return <PageHeader title="Notifications" />;
}
