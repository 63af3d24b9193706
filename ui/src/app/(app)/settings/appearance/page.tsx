import type { Metadata } from 'next';
import { AppearanceScreen } from '@/features/settings/screens/appearance';

export const metadata: Metadata = { title: 'Appearance' };

export default function Page() {
  return <AppearanceScreen />;
}
