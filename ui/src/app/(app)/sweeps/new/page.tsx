import type { Metadata } from 'next';
import { NewSweepScreen } from '@/features/sweeps/screens/new-sweep';

export const metadata: Metadata = { title: 'New sweep' };

export default function Page() {
  return <NewSweepScreen />;
}
