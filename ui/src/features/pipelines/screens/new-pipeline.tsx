'use client';

import { type PipelineBody, ProblemError } from '@less-is-more/client';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { type FormEvent, useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { PageHeader } from '@/components/ui/page-header';
import { ProjectSelect } from '@/features/datasets/form/project-select';
import { readWritten, type Written } from '@/features/sweeps/form/document';
import { DatasetPicker, ModelPicker } from '@/features/sweeps/form/pickers';
import { type WrittenFault, YamlField } from '@/features/sweeps/form/yaml-field';
import { ConfigFileError } from '@/features/training/config-file';
import { wordsOf } from '@/lib/problems';
import { useCreatePipeline } from '../api';
import { TEMPLATE } from '../form/template';

const FIELDS = ['name', 'dataset_id', 'model_id', 'project_id'] as const;

interface Faults {
  fields: ReadonlyMap<string, string>;
  written: readonly WrittenFault[];
  rest: string | null;
}
const NO_FAULTS: Faults = { fields: new Map(), written: [], rest: null };

export function NewPipelineScreen() {
  const [name, setName] = useState('');
  const [datasetId, setDatasetId] = useState<string | null>(null);
  const [modelId, setModelId] = useState<string | null>(null);
  const [projectId, setProjectId] = useState<string | null>(null);
  const [text, setText] = useState(TEMPLATE);
  const [faults, setFaults] = useState<Faults>(NO_FAULTS);
  const create = useCreatePipeline();
  const router = useRouter();

  const launch = async (event: FormEvent) => {
    event.preventDefault();
    let written: Written;
    try {
      written = await readWritten(text);
    } catch (error) {
      if (!(error instanceof ConfigFileError)) throw error;
      setFaults({
        fields: new Map(),
        written: [{ path: '', message: error.message, line: error.line }],
        rest: null,
      });
      return;
    }
    // A file for the command line names the model and itself; the fields above go first.
    const own = written.value;
    const asked = {
      name: name.trim() || (typeof own.name === 'string' ? own.name : ''),
      model_id: modelId ?? (typeof own.model_id === 'string' ? own.model_id : ''),
      dataset_id: datasetId ?? '',
    };
    const missing = new Map<string, string>();
    if (asked.name === '') missing.set('name', 'Give the pipeline a name.');
    if (asked.model_id === '') missing.set('model_id', 'Choose the model to start from.');
    if (asked.dataset_id === '') missing.set('dataset_id', 'Choose the dataset to learn from.');
    if (missing.size > 0) {
      setFaults({ fields: missing, written: [], rest: null });
      return;
    }
    setFaults(NO_FAULTS);
    try {
      const body = { ...own, ...asked, project_id: projectId } as PipelineBody;
      const pipeline = await create.mutateAsync({ body, key: crypto.randomUUID() });
      router.push(`/pipelines/${pipeline.id}`);
    } catch (error) {
      setFaults(sorted(error, written));
    }
  };

  return (
    <>
      <PageHeader
        title="New pipeline"
        crumbs={[{ label: 'Pipelines', href: '/pipelines' }]}
        description="From recordings to a version of an adapter. The stages below are a good start; change what you like."
      />
      <form
        className="grid max-w-4xl grid-cols-[minmax(0,1fr)] gap-4"
        onSubmit={(event) => void launch(event)}
      >
        <Card>
          <CardHeader title="What it works on" />
          <CardContent className="grid gap-4 sm:grid-cols-2">
            <FormField label="Name" error={faults.fields.get('name')}>
              <Input
                value={name}
                onChange={(event) => setName(event.target.value)}
                maxLength={200}
                dir="auto"
                placeholder="Such as clinic-dictation"
              />
            </FormField>
            <FormField label="Project" error={faults.fields.get('project_id')}>
              <ProjectSelect value={projectId} onValueChange={setProjectId} />
            </FormField>
            <FormField label="Dataset" error={faults.fields.get('dataset_id')}>
              <DatasetPicker value={datasetId} onValueChange={setDatasetId} />
            </FormField>
            <FormField label="Model" error={faults.fields.get('model_id')}>
              <ModelPicker value={modelId} onValueChange={setModelId} datasetId={datasetId} />
            </FormField>
          </CardContent>
        </Card>
        <Card>
          <CardHeader title="What it does" />
          <CardContent>
            <YamlField
              label="Training and stages, as YAML"
              description="The same declaration as a file for lim pipelines launch. Stage types: ingest, validate, select, sweep, train, evaluate, compare, export."
              value={text}
              onChange={setText}
              faults={faults.written}
              rows={20}
            />
          </CardContent>
        </Card>
        {faults.rest && (
          <Alert tone="danger" title="The pipeline could not be started">
            {faults.rest}
          </Alert>
        )}
        <div className="flex flex-wrap items-center justify-end gap-2">
          <Button asChild>
            <Link href="/pipelines" prefetch={false}>
              Cancel
            </Link>
          </Button>
          <Button type="submit" variant="primary" busy={create.isPending}>
            Start pipeline
          </Button>
        </div>
      </form>
    </>
  );
}

/** The faults of the platform: at the fields above, and by line in the text. */
function sorted(error: unknown, written: Written): Faults {
  const all = error instanceof ProblemError ? error.errors : [];
  const isField = (path: string) => FIELDS.some((field) => field === path);
  const { title, cure } = wordsOf(error);
  return {
    fields: new Map(all.filter(({ path }) => isField(path)).map(({ path, message }) => [path, message])),
    written: all
      .filter(({ path }) => !isField(path))
      .map(({ path, message }) => ({ path, message, line: written.lineOf(path) })),
    rest: all.length === 0 ? [title, cure].filter(Boolean).join(' ') : null,
  };
}
