'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { useForm, useWatch } from 'react-hook-form';
import * as z from 'zod/mini';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { FormField } from '@/components/ui/form-field';
import { Input, Textarea } from '@/components/ui/input';
import { toast } from '@/components/ui/toast';
import { showProblem } from '@/lib/problems';
import { useChangeDataset } from '../api';
import { ProjectSelect } from '../form/project-select';
import type { DatasetRow } from '../types';

const schema = z.object({
  name: z
    .string()
    .check(z.trim(), z.minLength(1, 'Give it a name.'), z.maxLength(200, 'Use at most 200 characters.')),
  description: z.string().check(z.maxLength(10_000, 'Use at most 10,000 characters.')),
  project_id: z.nullable(z.string()),
});
type Values = z.infer<typeof schema>;

/** Name, description and project of a dataset. */
export function EditDataset({ dataset, onClose }: { dataset: DatasetRow; onClose: () => void }) {
  const change = useChangeDataset(dataset.id);
  const { name, description, project_id } = dataset;
  const form = useForm<Values>({
    resolver: zodResolver(schema),
    defaultValues: { name, description, project_id },
  });
  const { errors, isSubmitting } = form.formState;
  const project = useWatch({ control: form.control, name: 'project_id' });
  const submit = form.handleSubmit(async (values) => {
    try {
      await change.mutateAsync(values);
      toast.success('Dataset changed');
      onClose();
    } catch (error) {
      showProblem(form, error);
    }
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Edit dataset"
      description="The recordings stay as they are. To correct them, make a new version."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" form="edit-dataset" busy={isSubmitting}>
            Save
          </Button>
        </>
      }
    >
      <form id="edit-dataset" onSubmit={submit} noValidate className="grid gap-4">
        {errors.root && <Alert tone="danger">{errors.root.message}</Alert>}
        <FormField label="Name" error={errors.name?.message}>
          <Input dir="auto" autoComplete="off" {...form.register('name')} />
        </FormField>
        <FormField label="Description" optional error={errors.description?.message}>
          <Textarea dir="auto" rows={4} {...form.register('description')} />
        </FormField>
        <FormField label="Project" optional error={errors.project_id?.message}>
          <ProjectSelect
            value={project}
            onValueChange={(next) => form.setValue('project_id', next, { shouldDirty: true })}
          />
        </FormField>
      </form>
    </Dialog>
  );
}
