'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { type DatasetBody, ProblemError } from '@less-is-more/client';
import { useQueryClient } from '@tanstack/react-query';
import { ChevronRight, Cloud, Link2, Upload } from 'lucide-react';
import { useRouter, useSearchParams } from 'next/navigation';
import { type ReactNode, useRef, useState } from 'react';
import { useForm, useWatch } from 'react-hook-form';
import * as z from 'zod/mini';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { FieldError, FormField } from '@/components/ui/form-field';
import { Input, Textarea } from '@/components/ui/input';
import { PageHeader } from '@/components/ui/page-header';
import { Segmented } from '@/components/ui/segmented';
import { showProblem } from '@/lib/problems';
import { keys } from '@/lib/query-keys';
import { addDataset, useFreeBytes } from '../api';
import { AdvancedOptions } from '../form/advanced-options';
import { remarks } from '../form/checks';
import { ChosenFiles } from '../form/chosen-files';
import { readLink } from '../form/cloud-link';
import { Dropzone } from '../form/dropzone';
import { useOptions } from '../form/options';
import { type PlannedFile, planUpload } from '../form/plan';
import { ProjectSelect } from '../form/project-select';
import { NOTHING, withFiles, without } from '../form/selection';
import { TaskChoice } from '../form/task-choice';
import { uploads } from '../upload/use-uploads';

const schema = z.object({
  name: z
    .string()
    .check(z.trim(), z.minLength(1, 'Give it a name.'), z.maxLength(200, 'Use at most 200 characters.')),
  description: z.string().check(z.maxLength(10_000, 'Use at most 10,000 characters.')),
  task: z.string(),
  project_id: z.nullable(z.string()),
  url: z.string(),
  uri: z.string(),
});
type Values = z.infer<typeof schema>;
type SourceType = 'upload' | 'url' | 'cloud';

export function NewDatasetScreen() {
  const router = useRouter();
  const params = useSearchParams();
  const queries = useQueryClient();
  const form = useForm<Values>({
    resolver: zodResolver(schema),
    mode: 'onTouched',
    defaultValues: {
      name: '',
      description: '',
      task: 'speech_to_text',
      project_id: params.get('project'),
      url: '',
      uri: '',
    },
  });
  const { errors, isSubmitting } = form.formState;
  const [task, project, url, uri] = useWatch({
    control: form.control,
    name: ['task', 'project_id', 'url', 'uri'],
  });
  const [source, setSource] = useState<SourceType>('upload');
  const [selection, setSelection] = useState(NOTHING);
  const [sourceError, setSourceError] = useState<string>();
  const [isAdvanced, setIsAdvanced] = useState(false);
  const sourceField = useRef<HTMLDivElement>(null);
  const options = useOptions(isAdvanced);
  const freeBytes = useFreeBytes();
  const found = remarks(selection, task, { freeBytes });
  const link = readLink(source === 'url' ? url : uri);

  const choose = (next: typeof selection) => {
    setSelection(next);
    setSourceError(undefined);
    if (next.title && !form.getValues('name')) form.setValue('name', next.title.slice(0, 200));
  };

  /** What is wrong with the source, before anything is asked of the platform. */
  const sourceFault = (): string | undefined => {
    if (source !== 'upload') return link.error;
    if (selection.files.length === 0) return 'Choose the files of the dataset.';
    const fault = found.find((remark) => remark.tone === 'danger');
    return fault && `${fault.title}.`;
  };

  const submit = form.handleSubmit(
    async (values) => {
      const fault = sourceFault();
      setSourceError(fault);
      if (fault || options.isFaulty) {
        (fault ? sourceField.current : document.querySelector<HTMLElement>('[aria-invalid=true]'))?.focus();
        return;
      }
      try {
        await (source === 'upload' ? upload(values) : fetchFrom(values));
      } catch (error) {
        const rest = error instanceof ProblemError ? options.setServerFaults(error.errors) : [];
        if (error instanceof ProblemError && rest.length < error.errors.length) setIsAdvanced(true);
        const ofSource = rest.filter(({ path }) => path.startsWith('source'));
        if (ofSource.length > 0) setSourceError(ofSource.map(({ message }) => message).join(' '));
        if (!(error instanceof ProblemError) || error.errors.length === 0 || rest.length > ofSource.length)
          showProblem(form, error, (path) => (path.startsWith('source') ? null : path));
        if (ofSource.length > 0) sourceField.current?.focus();
      }
    },
    () => setSourceError(sourceFault()),
  );

  const bodyOf = (values: Values, from: DatasetBody['source']): DatasetBody => ({
    name: values.name.trim(),
    description: values.description.trim(),
    task: values.task as NonNullable<DatasetBody['task']>,
    project_id: values.project_id,
    source: from,
    ...(isAdvanced ? options.body() : {}),
  });

  const fetchFrom = async (values: Values) => {
    if (link.source === null) return;
    const { dataset } = await addDataset(bodyOf(values, link.source));
    await queries.invalidateQueries({ queryKey: keys.datasets.lists() });
    router.push(`/datasets/${dataset.id}`);
  };

  const upload = async (values: Values) => {
    const create = (plan: readonly PlannedFile[]) => {
      const files = plan.map(({ name, blob }) => ({ name, size: blob.size }));
      return addDataset(bodyOf(values, { type: 'upload', files }));
    };
    let plan = planUpload(selection.files);
    let made: Awaited<ReturnType<typeof create>>;
    try {
      made = await create(plan);
    } catch (error) {
      // Fewer files are allowed than the page knows: the same as one archive.
      if (!(error instanceof ProblemError) || error.at('source.files') === undefined) throw error;
      plan = planUpload(selection.files, { pack: true });
      made = await create(plan);
    }
    uploads.start({
      datasetId: made.dataset.id,
      name: made.dataset.name,
      addresses: made.uploads,
      sources: new Map(plan.map(({ name, blob }) => [name, blob])),
    });
    void queries.invalidateQueries({ queryKey: keys.datasets.lists() });
    router.push(`/datasets/${made.dataset.id}`);
  };

  return (
    <div className="mx-auto max-w-3xl">
      <PageHeader
        title="Add dataset"
        crumbs={[{ label: 'Datasets', href: '/datasets' }]}
        description="Bring recordings. The platform finds out how they are organised, checks each of them, and says what to cure."
      />
      <form onSubmit={submit} noValidate className="grid grid-cols-1 gap-4">
        <Section number={1} title="What should a model learn?">
          <TaskChoice value={task} onChange={(next) => form.setValue('task', next)} />
        </Section>
        <Section number={2} title="Where are the recordings?">
          <Segmented
            label="Source"
            value={source}
            onValueChange={(next) => {
              setSource(next);
              setSourceError(undefined);
            }}
            options={[
              {
                value: 'upload',
                label: <Labelled icon={<Upload />} text="Files" />,
                ariaLabel: 'Files or a folder',
              },
              { value: 'url', label: <Labelled icon={<Link2 />} text="Web address" /> },
              {
                value: 'cloud',
                label: <Labelled icon={<Cloud />} text="Cloud" />,
                ariaLabel: 'Cloud storage',
              },
            ]}
            className="justify-self-start"
          />
          <div ref={sourceField} tabIndex={-1} className="grid grid-cols-1 gap-3 outline-none">
            {source === 'upload' && (
              <>
                <Dropzone
                  onFiles={(files) => choose(withFiles(selection, files))}
                  isSmall={selection.files.length > 0}
                  isInvalid={sourceError !== undefined}
                  describedBy="source-error"
                />
                {selection.files.length > 0 && (
                  <ChosenFiles
                    selection={selection}
                    remarks={found}
                    onRemove={(path) => choose(without(selection, path))}
                    onClear={() => choose(NOTHING)}
                  />
                )}
                <FieldError id="source-error" message={sourceError} />
              </>
            )}
            {source === 'url' && (
              <FormField
                label="Address"
                description="A public file that the platform fetches once: an archive (zip, tar), Parquet, or one recording. Without user name and password."
                error={sourceError}
              >
                <Input
                  type="url"
                  inputMode="url"
                  placeholder="https://example.org/speech.zip"
                  {...form.register('url', { onChange: () => setSourceError(undefined) })}
                />
              </FormField>
            )}
            {source === 'cloud' && (
              <FormField
                label="Cloud link"
                description="s3://bucket/folder in the platform’s own store, from a bucket that its operator allows; or a public file: gs://bucket/file.zip, or the https:// link of a bucket or Dropbox."
                error={sourceError}
              >
                <Input
                  placeholder="s3://recordings/speech"
                  autoCapitalize="none"
                  spellCheck={false}
                  {...form.register('uri', { onChange: () => setSourceError(undefined) })}
                />
              </FormField>
            )}
            {source !== 'upload' && link.note && <p className="text-muted-foreground text-xs">{link.note}</p>}
          </div>
        </Section>
        <Section number={3} title="What is it called?">
          <div className="grid gap-4 sm:grid-cols-2">
            <FormField label="Name" error={errors.name?.message}>
              <Input dir="auto" maxLength={200} autoComplete="off" {...form.register('name')} />
            </FormField>
            <FormField label="Project" optional error={errors.project_id?.message}>
              <ProjectSelect value={project} onValueChange={(next) => form.setValue('project_id', next)} />
            </FormField>
          </div>
          <FormField label="Description" optional error={errors.description?.message}>
            <Textarea
              dir="auto"
              rows={2}
              placeholder="Who speaks, where, recorded with what"
              {...form.register('description')}
            />
          </FormField>
        </Section>
        <Card>
          <button
            type="button"
            aria-expanded={isAdvanced}
            aria-controls="advanced"
            onClick={() => setIsAdvanced(!isAdvanced)}
            className="flex w-full items-center gap-2 rounded-lg px-4 py-3 text-left hover:bg-hover/60 sm:px-5"
          >
            <ChevronRight
              className={isAdvanced ? 'size-4 rotate-90 transition-transform' : 'size-4 transition-transform'}
              aria-hidden
            />
            <span className="font-semibold text-base">Advanced</span>
            <span className="truncate text-muted-foreground text-sm">
              language, test parts, limits and thresholds
            </span>
          </button>
          {isAdvanced && (
            <div id="advanced" className="border-t px-4 py-4 sm:px-5">
              <AdvancedOptions options={options} isSpeech={task === 'speech_to_text'} />
            </div>
          )}
        </Card>
        {errors.root && <Alert tone="danger">{errors.root.message}</Alert>}
        <div className="flex flex-col-reverse gap-2 sm:flex-row sm:justify-end">
          <Button size="lg" onClick={() => router.push('/datasets')}>
            Cancel
          </Button>
          <Button type="submit" variant="primary" size="lg" busy={isSubmitting}>
            {source === 'upload' ? 'Upload and check' : 'Fetch and check'}
          </Button>
        </div>
      </form>
    </div>
  );
}

function Section({ number, title, children }: { number: number; title: string; children: ReactNode }) {
  return (
    <Card className="grid grid-cols-1 gap-4 px-4 py-4 sm:px-5">
      <h2 className="flex items-center gap-2.5 font-semibold text-base">
        <span
          aria-hidden
          className="tabular flex size-5 items-center justify-center rounded-full bg-primary-soft text-primary-text text-xs"
        >
          {number}
        </span>
        {title}
      </h2>
      {children}
    </Card>
  );
}

function Labelled({ icon, text }: { icon: ReactNode; text: string }) {
  return (
    <>
      <span aria-hidden className="max-sm:hidden">
        {icon}
      </span>
      {text}
    </>
  );
}
