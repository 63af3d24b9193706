'use client';

import { ErrorState } from '@/components/ui/error-state';
import { PageHeader } from '@/components/ui/page-header';

/** What a screen shows that has thrown while it was drawn. */
export default function ScreenError({ error, reset }: { error: Error; reset: () => void }) {
  return (
    <>
      <PageHeader title="Something went wrong" />
      <ErrorState error={error} onRetry={reset} />
    </>
  );
}
