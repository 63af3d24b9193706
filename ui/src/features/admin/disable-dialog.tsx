'use client';

import type { DisableBody } from '@less-is-more/client';
import { useState } from 'react';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { RadioCard, RadioGroup } from '@/components/ui/radio-group';

interface DisableDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  username: string;
  onConfirm: (body: DisableBody) => Promise<unknown>;
}

export function DisableDialog({ open, onOpenChange, username, onConfirm }: DisableDialogProps) {
  const [reason, setReason] = useState('');
  const [jobs, setJobs] = useState<NonNullable<DisableBody['jobs']>>('keep');
  return (
    <ConfirmDialog
      open={open}
      onOpenChange={onOpenChange}
      title={`Disable ${username}?`}
      description="All logins end and API keys are refused. Nothing is deleted, and the account can be enabled again."
      action="Disable account"
      onConfirm={() => onConfirm({ reason, jobs })}
    >
      <FormField label="Reason" optional description="Kept in the audit trail, which the owner can read.">
        <Input value={reason} onChange={(event) => setReason(event.target.value)} maxLength={500} />
      </FormField>
      <RadioGroup
        aria-label="Its jobs"
        value={jobs}
        onValueChange={(value) => setJobs(value as 'keep' | 'stop')}
      >
        <RadioCard value="keep" title="Let its jobs finish" />
        <RadioCard
          value="stop"
          title="Stop its jobs"
          description="After a checkpoint; they can be resumed once the account is enabled."
        />
      </RadioGroup>
    </ConfirmDialog>
  );
}
