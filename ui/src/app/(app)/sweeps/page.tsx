import type { Metadata } from 'next';
import { SweepListScreen } from '@/features/sweeps/screens/sweep-list';

export const metadata: Metadata = { title: 'Sweeps' };

export default function Page() {
  return <SweepListScreen />;
}
