'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { type FormEvent, useEffect, useMemo, useRef, useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { PageHeader } from '@/components/ui/page-header';
import { Segmented } from '@/components/ui/segmented';
import { toast } from '@/components/ui/toast';
import { ProjectSelect } from '@/features/datasets/form/project-select';
import { readWritten, type Written } from '@/features/sweeps/form/document';
import { DatasetPicker, ModelPicker } from '@/features/sweeps/form/pickers';
import { SettingsSection } from '@/features/sweeps/form/settings-section';
import { showFirst } from '@/features/sweeps/form/show-first';
import { useSettings } from '@/features/sweeps/form/use-settings';
import { type WrittenFault, YamlField } from '@/features/sweeps/form/yaml-field';
import { ConfigFileError } from '@/features/training/config-file';
import type { JsonObject } from '@/features/training/schema-form/json';
import { onlyChanges } from '@/features/training/yaml';
import { plural } from '@/lib/format';
import { useRequestKey } from '@/lib/request-key';
import { useUrlState } from '@/lib/url-state';
import { useCreatePipeline } from '../api';
import {
  bodyOf,
  configOf,
  type Faults,
  missingIn,
  NEW_PIPELINE,
  NO_FAULTS,
  type PipelineDraft,
  sorted,
  stagesOf,
} from '../form/draft';
import { StagesEditor } from '../form/stages-editor';
import { declarationText } from '../form/yaml';

type Mode = 'form' | 'yaml';

/** What a link may choose: `/pipelines/new?dataset=ID&model=ID`. */
const CHOSEN = { dataset: '', model: '' };
const AS_IS = (config: JsonObject) => config;

export function NewPipelineScreen() {
  const [{ dataset, model }] = useUrlState(CHOSEN);
  const [entered, setDraft] = useState<PipelineDraft>(NEW_PIPELINE);
  const draft = useMemo<PipelineDraft>(
    () => ({
      ...entered,
      datasetId: entered.datasetId ?? (dataset || null),
      modelId: entered.modelId ?? (model || null),
    }),
    [entered, dataset, model],
  );
  const [mode, setMode] = useState<Mode>('form');
  /** The declaration as YAML; null until it is first shown. */
  const [text, setText] = useState<string | null>(null);
  /** From then on the form does not write the text again, not even late. */
  const isEdited = useRef(false);
  const [faults, setFaults] = useState<Faults>(NO_FAULTS);
  const [written, setWritten] = useState<readonly WrittenFault[]>([]);
  const create = useCreatePipeline();
  const requestKey = useRequestKey();
  const router = useRouter();
  const place = useRef<HTMLFormElement>(null);
  const settings = useSettings(draft, AS_IS);
  const { config, form } = settings;
  const configFaults = new Map([
    ...faults.config,
    ...settings.faults.map(({ path, message }): [string, string] => [path, message]),
  ]);
  const count =
    faults.fields.size + (mode === 'form' ? faults.stages.size + configFaults.size : written.length);

  const change = (changes: Partial<PipelineDraft>) => {
    setDraft((now) => ({ ...now, ...changes }));
    setFaults((now) => withoutChanged(now, Object.keys(changes)));
  };
  useEffect(() => {
    if (mode !== 'yaml' || isEdited.current || !form.data || config === null) return;
    let isCurrent = true;
    declarationText(form.data, configOf(draft, config), stagesOf(draft)).then(
      (written) => isCurrent && !isEdited.current && setText(written),
      (error: unknown) => toast.error(error),
    );
    return () => {
      isCurrent = false;
    };
  }, [mode, form.data, config, draft]);

  const launch = async (event: FormEvent) => {
    event.preventDefault();
    let declared: JsonObject;
    let document: Written | null = null;
    if (mode === 'yaml') {
      try {
        document = await readWritten(text ?? '');
      } catch (error) {
        if (!(error instanceof ConfigFileError)) throw error;
        const fault = { path: '', message: error.message, line: error.line };
        return showFirst(place.current, () => setWritten([fault]));
      }
      declared = document.value;
    } else {
      if (!form.data || config === null) return;
      declared = {
        config: onlyChanges(form.data, configOf(draft, config)),
        stages: stagesOf(draft),
      };
    }
    const body = bodyOf(draft, declared);
    const missing = missingIn(body);
    const mark = () => {
      setWritten([]);
      setFaults({ ...NO_FAULTS, fields: missing });
    };
    if (missing.size > 0 || (mode === 'form' && settings.faults.length > 0))
      return showFirst(place.current, mark);
    mark();
    try {
      const pipeline = await create.mutateAsync({ body, key: requestKey(body).key });
      router.push(`/pipelines/${pipeline.id}`);
    } catch (error) {
      const found = sorted(error, document === null ? stagesOf(draft) : []);
      showFirst(place.current, () => {
        if (document === null) return setFaults(found);
        const { lineOf } = document;
        // In the text every fault has its own path and line.
        const paths = [
          ...[...found.config].map(([path, message]) => [`config.${path}`, message] as const),
          ...found.rest.map((line) => splitFault(line)),
        ];
        setFaults({ ...NO_FAULTS, fields: found.fields });
        setWritten(paths.map(([path, message]) => ({ path, message, line: path ? lineOf(path) : null })));
      });
    }
  };

  const modes = (
    <Segmented<Mode>
      label="How to say it"
      value={mode}
      onValueChange={setMode}
      options={[
        { value: 'form', label: 'Form' },
        { value: 'yaml', label: 'YAML' },
      ]}
    />
  );
  return (
    <>
      <PageHeader
        title="New pipeline"
        crumbs={[{ label: 'Pipelines', href: '/pipelines' }]}
        description="From recordings to a version of an adapter, without you in between. Leave out what you do not need."
      />
      <form
        ref={place}
        noValidate
        className="grid max-w-4xl grid-cols-[minmax(0,1fr)] gap-4"
        onSubmit={(event) => void launch(event)}
      >
        <Card>
          <CardHeader title="What it works on" />
          <CardContent className="grid gap-4 sm:grid-cols-2">
            <FormField label="Name" error={faults.fields.get('name')}>
              <Input
                value={draft.name}
                onChange={(event) => change({ name: event.target.value })}
                maxLength={200}
                dir="auto"
                placeholder="Such as clinic-dictation"
              />
            </FormField>
            <FormField label="Project" error={faults.fields.get('project_id')}>
              <ProjectSelect value={draft.projectId} onValueChange={(projectId) => change({ projectId })} />
            </FormField>
            <FormField label="Dataset" error={faults.fields.get('dataset_id')}>
              <DatasetPicker value={draft.datasetId} onValueChange={(datasetId) => change({ datasetId })} />
            </FormField>
            <FormField label="Model" error={faults.fields.get('model_id')}>
              <ModelPicker
                value={draft.modelId}
                onValueChange={(modelId) => change({ modelId })}
                datasetId={draft.datasetId}
              />
            </FormField>
          </CardContent>
        </Card>
        {mode === 'form' ? (
          <>
            <StagesEditor draft={draft} onChange={change} faults={faults.stages} actions={modes} />
            <SettingsSection
              settings={settings}
              title="Settings of the training"
              description="The same as those of a new training."
              faults={configFaults}
              onTouched={() => setFaults((now) => ({ ...now, config: new Map() }))}
            />
          </>
        ) : (
          <Card>
            <CardHeader
              title="What it does"
              description="For stages side by side, several trainings, or other devices. The form is not changed by this text."
              className="flex-col sm:flex-row"
              actions={modes}
            />
            <CardContent>
              <YamlField
                label="Training and stages, as YAML"
                description="Stage types: ingest, validate, select, sweep, train, evaluate, compare, export."
                value={text ?? ''}
                onChange={(next) => {
                  setText(next);
                  isEdited.current = true;
                  setWritten([]);
                }}
                faults={written}
                rows={24}
              />
            </CardContent>
          </Card>
        )}
        {mode === 'form' && faults.rest.length > 0 && (
          <Alert tone="danger" title="The pipeline could not be started">
            <ul className="grid gap-1">
              {faults.rest.map((message) => (
                <li key={message}>{message}</li>
              ))}
            </ul>
          </Alert>
        )}
        <div className="-mx-1 sticky bottom-0 z-10 flex flex-wrap items-center justify-end gap-x-3 gap-y-2 border-t bg-background px-1 py-3">
          <p role="status" className="tabular mr-auto min-w-0 text-sm">
            {count > 0 ? (
              <span className="text-danger-text">
                {`${plural(count, 'field')} ${count === 1 ? 'needs' : 'need'} another value.`}
              </span>
            ) : (
              mode === 'form' && (
                <span className="text-muted-foreground">{plural(stagesOf(draft).length, 'stage')}</span>
              )
            )}
          </p>
          <Button asChild>
            <Link href="/pipelines" prefetch={false}>
              Cancel
            </Link>
          </Button>
          <Button
            type="submit"
            variant="primary"
            busy={create.isPending || (mode === 'form' && form.isPending)}
            disabled={mode === 'form' && config === null}
          >
            Start pipeline
          </Button>
        </div>
      </form>
    </>
  );
}

/** Path and message of a fault that has no field: `stages.1.needs: ...`. */
function splitFault(line: string): readonly [string, string] {
  const found = /^([a-z][\w.-]*): (.*)$/s.exec(line);
  return found ? [found[1] ?? '', found[2] ?? line] : ['', line];
}

const PATHS: Partial<Record<string, string>> = {
  datasetId: 'dataset_id',
  modelId: 'model_id',
  projectId: 'project_id',
};

/** The faults without those about fields that were changed. */
function withoutChanged(faults: Faults, keys: readonly string[]): Faults {
  const paths = keys.map((key) => PATHS[key] ?? key);
  const isRetry = keys.some((key) => key === 'attempts' || key === 'backoff');
  return {
    ...faults,
    fields: new Map([...faults.fields].filter(([path]) => !paths.includes(path))),
    stages: new Map(
      [...faults.stages].filter(
        ([path]) => !keys.includes(path.split('.')[0] ?? '') && !(isRetry && path.includes('.retry.')),
      ),
    ),
    rest: [],
  };
}
