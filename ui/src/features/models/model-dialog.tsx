'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import type { ModelOut } from '@less-is-more/client';
import { Controller, useForm, useWatch } from 'react-hook-form';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Checkbox } from '@/components/ui/checkbox';
import { Dialog } from '@/components/ui/dialog';
import { FieldError, FormField } from '@/components/ui/form-field';
import { Input, Textarea } from '@/components/ui/input';
import { Label } from '@/components/ui/label';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { toast } from '@/components/ui/toast';
import { formatWords } from '@/lib/format';
import { showProblem } from '@/lib/problems';
import { useCardChoices, useCatalogue, useSaveModel } from './api';
import { choicesOf } from './choices';
import {
  cardOf,
  EMPTY_MODEL,
  idFor,
  type ModelValues,
  modelSchema,
  patchOf,
  SOURCES,
  type SourceKind,
  valuesOf,
} from './model-form';
import { familyWords } from './model-words';

interface ModelDialogProps {
  /** The model to change; null: a new one. */
  model: ModelOut | null;
  onClose: () => void;
  onSaved?: (model: ModelOut) => void;
}

const SOURCE_HINTS: Record<SourceKind, { label: string; placeholder: string; about: string }> = {
  hub: {
    label: 'Hub id',
    placeholder: 'openai/whisper-base',
    about: 'Organisation and name, as in the address of its page.',
  },
  s3: {
    label: 'Bucket and prefix',
    placeholder: 'models/my-whisper',
    about: 'A folder with config.json and safetensors, on the platform’s object storage.',
  },
  bundled: { label: 'Name', placeholder: 'whisper-pico', about: 'Weights that come with the software.' },
};

/** Add a model to the catalogue, or change one; for administrators. */
export function ModelDialog({ model, onClose, onSaved }: ModelDialogProps) {
  const save = useSaveModel();
  const catalogue = useCatalogue();
  const choices = choicesOf(useCardChoices(true).data, catalogue.data ?? []);
  const form = useForm<ModelValues>({
    resolver: zodResolver(modelSchema),
    mode: 'onTouched',
    defaultValues: model ? valuesOf(model) : EMPTY_MODEL,
  });
  const { errors, isSubmitting, dirtyFields } = form.formState;
  const sourceKind = useWatch({ control: form.control, name: 'sourceKind' });
  const hint = SOURCE_HINTS[sourceKind];
  const submit = form.handleSubmit(async (values) => {
    try {
      const saved = await save.mutateAsync(
        model ? { id: model.id, patch: patchOf(values, model) } : { add: cardOf(values) },
      );
      toast.success(model ? 'Model changed' : 'Model added', { description: saved.title });
      onSaved?.(saved);
      onClose();
    } catch (error) {
      showProblem(form, error);
    }
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && !isSubmitting && onClose()}
      title={model ? `Edit ${model.title}` : 'Add model'}
      description={
        model
          ? 'Running trainings keep what they started with.'
          : 'Everyone on this platform can train it as soon as it is added.'
      }
      className="max-sm:h-dvh max-sm:max-h-dvh max-sm:rounded-none sm:max-w-2xl"
      footer={
        <>
          <Button onClick={onClose} disabled={isSubmitting}>
            Cancel
          </Button>
          <Button variant="primary" busy={isSubmitting} onClick={submit}>
            {model ? 'Save changes' : 'Add model'}
          </Button>
        </>
      }
    >
      <form onSubmit={submit} noValidate className="grid gap-4 sm:grid-cols-2">
        {errors.root && (
          <Alert tone="danger" className="sm:col-span-2">
            {errors.root.message}
          </Alert>
        )}
        <FormField label="Name" error={errors.title?.message}>
          <Input
            dir="auto"
            {...form.register('title', {
              onChange: (event: { target: { value: string } }) => {
                if (!model && !dirtyFields.id) form.setValue('id', idFor(event.target.value));
              },
            })}
          />
        </FormField>
        <FormField
          label="Id"
          description={model ? 'An id stays as it is.' : 'For the command line and the API.'}
          error={errors.id?.message}
        >
          <Input
            spellCheck={false}
            autoCapitalize="none"
            disabled={model !== null}
            {...form.register('id')}
          />
        </FormField>
        <FormField
          label="Description"
          description="What it is good for, and what it needs."
          error={errors.description?.message}
          className="sm:col-span-2"
        >
          <Textarea dir="auto" rows={3} {...form.register('description')} />
        </FormField>
        <Controller
          control={form.control}
          name="family"
          render={({ field }) => (
            <FormField
              label="Architecture"
              description="The family that loads it."
              error={errors.family?.message}
            >
              <Select
                value={field.value}
                onValueChange={field.onChange}
                options={choices.families.map((family) => ({ value: family, label: familyWords(family) }))}
              />
            </FormField>
          )}
        />
        <Controller
          control={form.control}
          name="tasks"
          render={({ field }) => (
            <fieldset className="grid content-start gap-1.5">
              <legend className="mb-1.5 font-medium text-sm">Type</legend>
              {choices.tasks.map((task) => (
                <span key={task} className="flex items-center gap-2">
                  <Checkbox
                    id={`task-${task}`}
                    checked={field.value.includes(task)}
                    onCheckedChange={(checked) =>
                      field.onChange(
                        choices.tasks.filter((each) =>
                          each === task ? checked === true : field.value.includes(each),
                        ),
                      )
                    }
                    aria-invalid={errors.tasks ? true : undefined}
                  />
                  <Label htmlFor={`task-${task}`} className="font-normal">
                    {formatWords(task)}
                  </Label>
                </span>
              ))}
              <FieldError message={errors.tasks?.message} />
            </fieldset>
          )}
        />
        <div className="grid gap-1.5 sm:col-span-2">
          <p className="font-medium text-sm">Source</p>
          <Controller
            control={form.control}
            name="sourceKind"
            render={({ field }) => (
              <Segmented
                label="Source"
                value={field.value}
                onValueChange={field.onChange}
                options={SOURCES}
                className="h-auto flex-wrap justify-self-start"
              />
            )}
          />
        </div>
        <FormField
          label={hint.label}
          description={hint.about}
          error={errors.source?.message}
          className={sourceKind === 'hub' ? undefined : 'sm:col-span-2'}
        >
          <Input
            spellCheck={false}
            autoCapitalize="none"
            placeholder={hint.placeholder}
            {...form.register('source')}
          />
        </FormField>
        {sourceKind === 'hub' && (
          <FormField
            label="Revision"
            description="The commit that its page shows: so every training starts from the same weights."
            error={errors.revision?.message}
          >
            <Input
              spellCheck={false}
              autoCapitalize="none"
              placeholder="40 hexadecimal digits"
              className="font-mono"
              {...form.register('revision')}
            />
          </FormField>
        )}
        <FormField label="Parameters" description="Number of weights." error={errors.parameters?.message}>
          <Input inputMode="numeric" placeholder="72593920" {...form.register('parameters')} />
        </FormField>
        <FormField label="Licence" description="Its SPDX id." error={errors.licence?.message}>
          <Input placeholder="Apache-2.0" {...form.register('licence')} />
        </FormField>
        <FormField
          label="Languages"
          optional
          description="Codes with commas between them, such as en, sw; or multilingual. None for sounds."
          error={errors.languages?.message}
          className="sm:col-span-2"
        >
          <Input {...form.register('languages')} />
        </FormField>
        {/* Enter in a field sends the form. */}
        <button type="submit" className="sr-only" tabIndex={-1} aria-hidden>
          Save
        </button>
      </form>
    </Dialog>
  );
}
