import type { Metadata } from 'next';
import { ProjectListScreen } from '@/features/projects/screens/project-list';

export const metadata: Metadata = { title: 'Projects & adapters' };

export default function Page() {
  return <ProjectListScreen />;
}
