'use client';

import { useRouter } from 'next/navigation';
import { toast } from '@/components/ui/toast';
import { useJobActions } from '../api';
import type { Job } from '../contract';

/** Resumes a job and says so. */
export function useResume(): (job: Job) => Promise<void> {
  const { resume } = useJobActions();
  return async (job) => {
    try {
      await resume(job.id);
      toast.success('Resumed', {
        description: 'It waits for its turn and continues from its newest checkpoint.',
      });
    } catch (error) {
      toast.error(error);
    }
  };
}

export function useOpenComparison(): (jobs: readonly Job[]) => void {
  const router = useRouter();
  return (jobs) => router.push(`/jobs/compare?ids=${jobs.map((job) => job.id).join(',')}`);
}
