import type { Metadata } from 'next';
import { DatasetDetailsScreen } from '@/features/datasets/screens/dataset-details';

export { unknownId as generateStaticParams } from '@/lib/unknown-id';

export const metadata: Metadata = { title: 'Dataset' };

export default function Page() {
  return <DatasetDetailsScreen />;
}
