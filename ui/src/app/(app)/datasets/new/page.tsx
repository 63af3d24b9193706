import type { Metadata } from 'next';
import { NewDatasetScreen } from '@/features/datasets/screens/new-dataset';

export const metadata: Metadata = { title: 'Add dataset' };

export default function Page() {
  return <NewDatasetScreen />;
}
