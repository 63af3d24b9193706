import type { Metadata } from 'next';
import { ResourceListScreen } from '@/features/admin/screens/resource-list';

export const metadata: Metadata = { title: 'All resources' };

export default function Page() {
  return <ResourceListScreen />;
}
