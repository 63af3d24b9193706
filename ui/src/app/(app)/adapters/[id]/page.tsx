import type { Metadata } from 'next';
import { AdapterDetailsScreen } from '@/features/projects/screens/adapter-details';

export { unknownId as generateStaticParams } from '@/lib/unknown-id';

export const metadata: Metadata = { title: 'Adapter' };

export default function Page() {
  return <AdapterDetailsScreen />;
}
