import type { Metadata } from 'next';
import { NewTrainingScreen } from '@/features/training/screens/new-training';

export const metadata: Metadata = { title: 'New training' };

export default function Page() {
  return <NewTrainingScreen />;
}
