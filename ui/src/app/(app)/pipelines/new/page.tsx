import type { Metadata } from 'next';
import { NewPipelineScreen } from '@/features/pipelines/screens/new-pipeline';

export const metadata: Metadata = { title: 'New pipeline' };

export default function Page() {
  return <NewPipelineScreen />;
}
