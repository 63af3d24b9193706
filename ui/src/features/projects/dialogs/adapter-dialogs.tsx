'use client';

import type { AdapterOut } from '@less-is-more/client';
import { useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Combobox } from '@/components/ui/combobox';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { Dialog } from '@/components/ui/dialog';
import { FormField } from '@/components/ui/form-field';
import { Textarea } from '@/components/ui/input';
import { toast } from '@/components/ui/toast';
import { measured, primaryOf } from '@/features/jobs/model/job';
import { formatMetric, metricOf } from '@/features/jobs/model/metrics';
import { formatRelative, plural } from '@/lib/format';
import { useDebounced } from '@/lib/use-debounced';
import {
  useAddVersion,
  useDeleteAdapter,
  useProjectChoice,
  useSaveAdapter,
  useSucceededTrainings,
} from '../api';
import { faultsOf } from '../faults';
import { NameDialog } from './name-dialog';

interface AdapterDialogProps {
  /** Unset: a new one. */
  adapter?: AdapterOut;
  /** Where a new one goes at first. */
  projectId?: string | null;
  onClose: () => void;
  onSaved?: (adapter: AdapterOut) => void;
}

export function AdapterDialog({ adapter, projectId = null, onClose, onSaved }: AdapterDialogProps) {
  const save = useSaveAdapter(adapter?.id ?? null);
  const projects = useProjectChoice();
  return (
    <NameDialog
      title={adapter ? 'Edit adapter' : 'New adapter'}
      description={
        adapter
          ? undefined
          : 'An adapter is a name under which results of trainings are kept, version by version.'
      }
      action={adapter ? 'Save changes' : 'Create adapter'}
      value={{
        name: adapter?.name ?? '',
        description: adapter?.description ?? '',
        project_id: adapter ? adapter.project_id : projectId,
      }}
      projects={projects.data ?? []}
      namePlaceholder="Such as clinic-dictation"
      onClose={onClose}
      onSave={async (values) => {
        const saved = await save.mutateAsync(values);
        onSaved?.(saved);
      }}
    />
  );
}

export function DeleteAdapterDialog({
  adapter,
  onClose,
  onDone,
}: {
  adapter: AdapterOut;
  onClose: () => void;
  onDone?: () => void;
}) {
  const remove = useDeleteAdapter();
  const count = adapter.newest_version ?? 0;
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Delete “${adapter.name}”?`}
      description={
        count === 0
          ? 'It has no versions, so no result is lost.'
          : `It goes with its ${plural(count, 'version')}. The trainings that made them stay, with their files.`
      }
      action="Delete adapter"
      {...(count > 0 ? { typed: adapter.name } : {})}
      onConfirm={async () => {
        await remove(adapter.id);
        toast.success('Adapter deleted');
        onDone?.();
      }}
    />
  );
}

/** Keeps the result of a training as the newest version. */
export function AddVersionDialog({ adapter, onClose }: { adapter: AdapterOut; onClose: () => void }) {
  const [jobId, setJobId] = useState<string | null>(null);
  const [notes, setNotes] = useState('');
  const [text, setText] = useState('');
  const jobs = useSucceededTrainings(useDebounced(text));
  const add = useAddVersion(adapter.id);
  const { fields, rest } = faultsOf(add.error, ['job_id', 'notes']);
  const save = async () => {
    if (jobId === null) return;
    const version = await add.mutateAsync({ job_id: jobId, notes });
    toast.success(`Version ${version.number} is kept`);
    onClose();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Add version"
      description={`The result of a training becomes version ${(adapter.newest_version ?? 0) + 1}. It never changes.`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            busy={add.isPending}
            disabled={jobId === null}
            onClick={() => void save().catch(() => undefined)}
          >
            Add version
          </Button>
        </>
      }
    >
      <div className="grid gap-4">
        <FormField label="Training" description="Trainings that have succeeded." error={fields.job_id}>
          <Combobox
            value={jobId}
            onValueChange={setJobId}
            options={(jobs.data ?? []).map((job) => {
              const primary = primaryOf(job);
              const value = primary === null ? undefined : measured(job).tuned[primary];
              return {
                value: job.id,
                label: job.name,
                description: [
                  primary !== null &&
                    value !== undefined &&
                    `${metricOf(primary).title} ${formatMetric(primary, value)}`,
                  formatRelative(job.finished_at),
                ]
                  .filter(Boolean)
                  .join(' · '),
              };
            })}
            onSearch={setText}
            isLoading={jobs.isFetching}
            searchPlaceholder="Search trainings …"
            emptyText="No training with this name has succeeded."
          />
        </FormField>
        <FormField label="Notes" optional error={fields.notes}>
          <Textarea
            value={notes}
            onChange={(event) => setNotes(event.target.value)}
            maxLength={4000}
            dir="auto"
          />
        </FormField>
        {rest && (
          <Alert tone="danger" title={rest.title}>
            {rest.cure}
          </Alert>
        )}
      </div>
    </Dialog>
  );
}
