import type { Metadata } from 'next';
import { JobListScreen } from '@/features/jobs/screens/job-list';

export const metadata: Metadata = { title: 'Training jobs' };

export default function Page() {
  return <JobListScreen />;
}
