import type { Metadata } from 'next';
import { NotificationSettingsScreen } from '@/features/settings/screens/notification-settings';

export const metadata: Metadata = { title: 'Notifications' };

export default function Page() {
  return <NotificationSettingsScreen />;
}
