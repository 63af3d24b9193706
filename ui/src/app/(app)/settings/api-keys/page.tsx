import type { Metadata } from 'next';
import { ApiKeysScreen } from '@/features/settings/screens/api-keys';

export const metadata: Metadata = { title: 'API keys' };

export default function Page() {
  return <ApiKeysScreen />;
}
