'use client';

import { PageHeader } from '@/components/ui/page-header';
import { usePlace } from '../use-place';
import { Wizard } from '../wizard';

export function NewTrainingScreen() {
  const [place, move] = usePlace();
  return (
    <>
      <PageHeader
        title="New training"
        crumbs={[{ label: 'Training jobs', href: '/jobs' }]}
        className="mb-5"
      />
      {place.draft && <Wizard key={place.draft} place={place} move={move} />}
    </>
  );
}
