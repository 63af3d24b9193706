'use client';

import { type ReactNode, useId, useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { FormField } from '@/components/ui/form-field';
import { Input, Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { faultsOf } from '../faults';

export interface NamedValues {
  name: string;
  description: string;
  project_id: string | null;
}

interface NameDialogProps {
  title: string;
  description?: ReactNode;
  action: string;
  value: NamedValues;
  /** Given: the project can be chosen. */
  projects?: readonly { id: string; name: string }[];
  namePlaceholder?: string;
  onClose: () => void;
  onSave: (values: NamedValues) => Promise<unknown>;
}

const NONE = '-';
const MOST_NAME = 200;
const MOST_DESCRIPTION = 4000;

/** Name, description and project of something; faults of the platform are shown at their fields. */
export function NameDialog({
  title,
  description,
  action,
  value,
  projects,
  namePlaceholder,
  onClose,
  onSave,
}: NameDialogProps) {
  const [values, setValues] = useState(value);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const formId = useId();
  const { fields, rest } = faultsOf(error, ['name', 'description', 'project_id']);
  const change = (changes: Partial<NamedValues>) => setValues((now) => ({ ...now, ...changes }));
  const save = async () => {
    setBusy(true);
    setError(null);
    try {
      await onSave({ ...values, name: values.name.trim() });
      onClose();
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && !busy && onClose()}
      title={title}
      description={description}
      footer={
        <>
          <Button onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button
            type="submit"
            form={formId}
            variant="primary"
            busy={busy}
            disabled={values.name.trim() === ''}
          >
            {action}
          </Button>
        </>
      }
    >
      <form
        id={formId}
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (values.name.trim() !== '') void save();
        }}
      >
        <FormField label="Name" error={fields.name}>
          <Input
            value={values.name}
            onChange={(event) => change({ name: event.target.value })}
            placeholder={namePlaceholder}
            maxLength={MOST_NAME}
            dir="auto"
            autoFocus
          />
        </FormField>
        <FormField label="Description" optional error={fields.description}>
          <Textarea
            value={values.description}
            onChange={(event) => change({ description: event.target.value })}
            maxLength={MOST_DESCRIPTION}
            dir="auto"
          />
        </FormField>
        {projects && (
          <FormField label="Project" error={fields.project_id}>
            <Select
              value={values.project_id ?? NONE}
              onValueChange={(next) => change({ project_id: next === NONE ? null : next })}
              options={[
                { value: NONE, label: 'No project' },
                ...projects.map((project) => ({ value: project.id, label: project.name })),
              ]}
            />
          </FormField>
        )}
        {rest && (
          <Alert tone="danger" title={rest.title}>
            {rest.cure}
          </Alert>
        )}
      </form>
    </Dialog>
  );
}
