import type { Metadata } from 'next';
import { SweepDetailsScreen } from '@/features/sweeps/screens/sweep-details';

export { unknownId as generateStaticParams } from '@/lib/unknown-id';

export const metadata: Metadata = { title: 'Sweep' };

export default function Page() {
  return <SweepDetailsScreen />;
}
