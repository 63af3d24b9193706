import type { Metadata } from 'next';
import { ModelListScreen } from '@/features/models/screens/model-list';

export const metadata: Metadata = { title: 'Models' };

export default function Page() {
  return <ModelListScreen />;
}
