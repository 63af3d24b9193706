import type { Metadata } from 'next';
import { ClusterScreen } from '@/features/cluster/screens/cluster';

export const metadata: Metadata = { title: 'Cluster' };

export default function Page() {
  return <ClusterScreen />;
}
