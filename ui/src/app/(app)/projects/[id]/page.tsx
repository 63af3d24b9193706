import type { Metadata } from 'next';
import { ProjectDetailsScreen } from '@/features/projects/screens/project-details';

export { unknownId as generateStaticParams } from '@/lib/unknown-id';

export const metadata: Metadata = { title: 'Project' };

export default function Page() {
  return <ProjectDetailsScreen />;
}
