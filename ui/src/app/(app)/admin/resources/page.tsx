import type { Metadata } from 'next';
import { ResourceListScreen } from '@/features/admin/screens/resource-list';

export const metadata: Metadata = { title: 'Everything' };

export default function Page() {
  return <ResourceListScreen />;
}
