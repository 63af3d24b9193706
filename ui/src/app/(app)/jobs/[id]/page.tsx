import type { Metadata } from 'next';
import { JobDetailsScreen } from '@/features/jobs/screens/job-details';

export { unknownId as generateStaticParams } from '@/lib/unknown-id';

export const metadata: Metadata = { title: 'Training job' };

export default function Page() {
  return <JobDetailsScreen />;
}
