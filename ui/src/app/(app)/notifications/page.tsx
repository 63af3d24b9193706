import type { Metadata } from 'next';
import { NotificationListScreen } from '@/features/notifications/screens/notification-list';

export const metadata: Metadata = { title: 'Notifications' };

export default function Page() {
  return <NotificationListScreen />;
}
