import type { Metadata } from 'next';
import { PipelineListScreen } from '@/features/pipelines/screens/pipeline-list';

export const metadata: Metadata = { title: 'Pipelines' };

export default function Page() {
  return <PipelineListScreen />;
}
