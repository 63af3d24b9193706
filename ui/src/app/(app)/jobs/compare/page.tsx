import type { Metadata } from 'next';
import { CompareJobsScreen } from '@/features/compare/screens/compare-jobs';

export const metadata: Metadata = { title: 'Compare jobs' };

export default function Page() {
  return <CompareJobsScreen />;
}
