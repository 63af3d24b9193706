import type { Metadata } from 'next';
import { PipelineDetailsScreen } from '@/features/pipelines/screens/pipeline-details';

export { unknownId as generateStaticParams } from '@/lib/unknown-id';

export const metadata: Metadata = { title: 'Pipeline' };

export default function Page() {
  return <PipelineDetailsScreen />;
}
