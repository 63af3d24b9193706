import type { Metadata } from 'next';
import { ModelDetailsScreen } from '@/features/models/screens/model-details';

export { unknownId as generateStaticParams } from '@/lib/unknown-id';

export const metadata: Metadata = { title: 'Model' };

export default function Page() {
  return <ModelDetailsScreen />;
}
