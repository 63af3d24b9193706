import type { Metadata } from 'next';
import { SecurityLogScreen } from '@/features/settings/screens/security-log';

export const metadata: Metadata = { title: 'Security log' };

export default function Page() {
  return <SecurityLogScreen />;
}
