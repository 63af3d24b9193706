'use client';

import { useEffect, useState } from 'react';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { toast } from '@/components/ui/toast';
import { plural } from '@/lib/format';
import { useJobActions } from '../api';
import type { Job } from '../contract';

interface DialogProps {
  jobs: readonly Job[];
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onDone?: () => void;
}

/** Stops one or more jobs, and says what is kept. */
export function StopDialog({ jobs, open, onOpenChange, onDone }: DialogProps) {
  const { stop } = useJobActions();
  const [first] = jobs;
  const waiting = jobs.filter((job) => job.status === 'queued').length;
  const kept =
    waiting === jobs.length
      ? 'Nothing has run yet, so nothing is lost. Resume puts it back into the queue.'
      : 'It saves a checkpoint first: weights, optimizer and position in the data. Curves, log and files stay. Resume continues exactly there.';
  return (
    <ConfirmDialog
      open={open}
      onOpenChange={onOpenChange}
      title={jobs.length === 1 ? `Stop “${first?.name}”?` : `Stop ${plural(jobs.length, 'job')}?`}
      description={jobs.length === 1 ? kept : kept.replace(/^It saves/, 'Each saves')}
      action={jobs.length === 1 ? 'Stop with checkpoint' : `Stop ${plural(jobs.length, 'job')}`}
      danger={false}
      onConfirm={async () => {
        await allOf(jobs, (job) => stop(job.id));
        onDone?.();
      }}
    />
  );
}

/** Deletes one or more jobs that have ended. */
export function DeleteDialog({ jobs, open, onOpenChange, onDone }: DialogProps) {
  const { remove } = useJobActions();
  const [first] = jobs;
  return (
    <ConfirmDialog
      open={open}
      onOpenChange={onOpenChange}
      title={jobs.length === 1 ? `Delete “${first?.name}”?` : `Delete ${plural(jobs.length, 'job')}?`}
      description="Its curves, log, checkpoints and files are deleted for good. Its dataset and its model stay. To keep the files, download them first."
      action={jobs.length === 1 ? 'Delete job' : `Delete ${plural(jobs.length, 'job')}`}
      onConfirm={async () => {
        await allOf(jobs, (job) => remove(job.id));
        toast.success(jobs.length === 1 ? 'Job deleted' : `${plural(jobs.length, 'job')} deleted`);
        onDone?.();
      }}
    />
  );
}

/** All of them, a few at a time; the first refusal is thrown after the others have had their turn. */
async function allOf(jobs: readonly Job[], act: (job: Job) => Promise<unknown>): Promise<void> {
  const waiting = [...jobs];
  let refused: unknown = null;
  const work = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      try {
        await act(job);
      } catch (error) {
        refused ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, jobs.length) }, work));
  if (refused !== null) throw refused;
}

export function RenameDialog({
  job,
  open,
  onOpenChange,
}: {
  job: Job;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}) {
  const { change } = useJobActions();
  const [name, setName] = useState(job.name);
  const [error, setError] = useState<string>();
  useEffect(() => {
    if (open) setName(job.name);
    setError(undefined);
  }, [open, job.name]);
  return (
    <ConfirmDialog
      open={open}
      onOpenChange={onOpenChange}
      title="Rename job"
      description="The name is for people; files and links keep working."
      action="Save name"
      danger={false}
      onConfirm={async () => {
        const wanted = name.trim();
        if (wanted === '' || wanted.length > 200) {
          setError('Enter a name of 1 to 200 characters.');
          throw new Error('Enter a name of 1 to 200 characters.');
        }
        await change(job.id, { name: wanted });
      }}
    >
      <FormField label="Name" error={error}>
        <Input
          value={name}
          onChange={(event) => setName(event.target.value)}
          maxLength={200}
          dir="auto"
          autoFocus
        />
      </FormField>
    </ConfirmDialog>
  );
}
