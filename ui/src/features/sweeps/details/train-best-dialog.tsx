'use client';

import type { SweepOut } from '@less-is-more/client';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { toast } from '@/components/ui/toast';
import { useRequestKey } from '@/lib/request-key';
import { useTrainBest } from '../api';

/** Launches a training by the best trial, and leads to it. */
export function TrainBestDialog({ sweep, onClose }: { sweep: SweepOut; onClose: () => void }) {
  const [name, setName] = useState(`best of ${sweep.name}`.slice(0, 200));
  const train = useTrainBest(sweep.id);
  const requestKey = useRequestKey();
  const router = useRouter();
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Train by trial ${sweep.best?.number ?? ''} on everything?`}
      description="A new training with these settings learns from all training examples, and from the validation examples too, unless it needs them to stop early. The test examples then say how good it is."
      action="Start training"
      danger={false}
      onConfirm={async () => {
        const body = name.trim() ? { name: name.trim() } : {};
        const job = await train.mutateAsync({ body, key: requestKey(body).key });
        toast.success('Training created', { description: 'It starts when the cluster has room.' });
        router.push(`/jobs/${job.id}`);
      }}
    >
      <FormField label="Name of the training" optional>
        <Input value={name} onChange={(event) => setName(event.target.value)} maxLength={200} dir="auto" />
      </FormField>
    </ConfirmDialog>
  );
}
