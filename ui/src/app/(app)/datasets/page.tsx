import type { Metadata } from 'next';
import { DatasetListScreen } from '@/features/datasets/screens/dataset-list';

export const metadata: Metadata = { title: 'Datasets' };

export default function Page() {
  return <DatasetListScreen />;
}
