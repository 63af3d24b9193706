'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { type FormEvent, useMemo, useRef, useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { PageHeader } from '@/components/ui/page-header';
import { RadioCard, RadioGroup } from '@/components/ui/radio-group';
import { ProjectSelect } from '@/features/datasets/form/project-select';
import { getAt, type JsonObject } from '@/features/training/schema-form/json';
import { plural } from '@/lib/format';
import { useRequestKey } from '@/lib/request-key';
import { useUrlState } from '@/lib/url-state';
import { useCreateSweep } from '../api';
import { DimensionRows } from '../form/dimension-rows';
import { faultsOfRows } from '../form/dimensions';
import {
  bodyOf,
  comparable,
  type Faults,
  missingIn,
  NEW_SWEEP,
  NO_FAULTS,
  type SweepDraft,
  sorted,
  trialsOf,
} from '../form/draft';
import { searchFields } from '../form/fields';
import { MethodCard } from '../form/method-card';
import { DatasetPicker, ModelPicker } from '../form/pickers';
import { SEARCHES } from '../form/presets';
import { SelectionCard } from '../form/selection-card';
import { SettingsSection } from '../form/settings-section';
import { showFirst } from '../form/show-first';
import { useSettings } from '../form/use-settings';

/** What a link may choose: `/sweeps/new?dataset=ID&model=ID`. */
const CHOSEN = { dataset: '', model: '' };

export function NewSweepScreen() {
  const [{ dataset, model }] = useUrlState(CHOSEN);
  const [entered, setDraft] = useState<SweepDraft>(NEW_SWEEP);
  const draft = useMemo<SweepDraft>(
    () => ({
      ...entered,
      datasetId: entered.datasetId ?? (dataset || null),
      modelId: entered.modelId ?? (model || null),
    }),
    [entered, dataset, model],
  );
  /** What the platform said about what was sent. */
  const [told, setTold] = useState<Faults>(NO_FAULTS);
  const [wasSent, setWasSent] = useState(false);
  const create = useCreateSweep();
  const requestKey = useRequestKey();
  const router = useRouter();
  const place = useRef<HTMLFormElement>(null);
  const settings = useSettings(draft, comparable);
  const { config, form } = settings;
  const fields = useMemo(
    () => (form.data && config ? searchFields(form.data, config) : []),
    [form.data, config],
  );
  const rowFaults = useMemo(() => faultsOfRows(draft.rows, fields), [draft.rows, fields]);
  const missing = useMemo(() => missingIn(draft), [draft]);
  const isFaulty = missing.size + rowFaults.size + settings.faults.length > 0;
  // Faults of what was entered are shown once somebody wanted to start; those of the platform until their field changes.
  const faults: Faults = {
    fields: wasSent ? new Map([...told.fields, ...missing]) : told.fields,
    rows: wasSent ? new Map([...told.rows, ...rowFaults]) : told.rows,
    config: new Map([
      ...told.config,
      ...settings.faults.map(({ path, message }): [string, string] => [path, message]),
    ]),
    rest: told.rest,
  };
  const count = faults.fields.size + faults.rows.size + faults.config.size;

  const change = (changes: Partial<SweepDraft>, path: string) => {
    setDraft((now) => ({ ...now, ...changes }));
    setTold((now) => without(now, path));
  };
  const launch = async (event: FormEvent) => {
    event.preventDefault();
    if (isFaulty || config === null) return showFirst(place.current, () => setWasSent(true));
    setWasSent(true);
    setTold(NO_FAULTS);
    const body = bodyOf(draft, config);
    try {
      const sweep = await create.mutateAsync({ body, key: requestKey(body).key });
      router.push(`/sweeps/${sweep.id}`);
    } catch (error) {
      showFirst(place.current, () => setTold(sorted(error, draft.rows)));
    }
  };

  return (
    <>
      <PageHeader
        title="New sweep"
        crumbs={[{ label: 'Sweeps', href: '/sweeps' }]}
        description="Choose what to learn from, which settings to search, and how many trials to spend."
      />
      <form
        ref={place}
        noValidate
        className="grid max-w-4xl grid-cols-[minmax(0,1fr)] gap-4"
        onSubmit={(event) => void launch(event)}
      >
        <Card>
          <CardHeader title="What to train" />
          <CardContent className="grid gap-4 sm:grid-cols-2">
            <FormField label="Dataset" error={faults.fields.get('dataset_id')}>
              <DatasetPicker
                value={draft.datasetId}
                onValueChange={(datasetId) => change({ datasetId }, 'dataset_id')}
              />
            </FormField>
            <FormField label="Model" error={faults.fields.get('model_id')}>
              <ModelPicker
                value={draft.modelId}
                onValueChange={(modelId) => change({ modelId }, 'model_id')}
                datasetId={draft.datasetId}
              />
            </FormField>
            <FormField
              label="Name"
              optional
              description="Without one: the model and the dataset."
              error={faults.fields.get('name')}
            >
              <Input
                value={draft.name}
                onChange={(event) => change({ name: event.target.value }, 'name')}
                maxLength={200}
                dir="auto"
              />
            </FormField>
            <FormField label="Project" error={faults.fields.get('project_id')}>
              <ProjectSelect
                value={draft.projectId}
                onValueChange={(projectId) => change({ projectId }, 'project_id')}
              />
            </FormField>
          </CardContent>
        </Card>
        <Card>
          <CardHeader
            title="What to search"
            description="Task, split, seed and evaluation stay the same in all trials, so that these can be compared."
          />
          <CardContent className="grid gap-4">
            <RadioGroup
              aria-label="Search to start from"
              value={draft.preset}
              onValueChange={(id) => {
                const preset = SEARCHES.find((each) => each.id === id);
                if (preset) {
                  const { rows, algorithm, trials } = preset;
                  change({ preset: id, rows, algorithm, trials }, 'search');
                }
              }}
              className="sm:grid-cols-3"
            >
              {SEARCHES.map(({ id, title, description }) => (
                <RadioCard key={id} value={id} title={title} description={description} />
              ))}
            </RadioGroup>
            <DimensionRows
              rows={draft.rows}
              onChange={(rows) => change({ rows, preset: '' }, 'search.dimensions')}
              faults={faults.rows}
              fields={fields}
            />
          </CardContent>
        </Card>
        <MethodCard
          draft={draft}
          onChange={(changes, path) =>
            change({ ...changes, ...('algorithm' in changes ? { preset: '' } : {}) }, path)
          }
          faults={faults.fields}
        />
        <SelectionCard
          draft={draft.selection}
          onChange={(selection) => change({ selection }, 'selection')}
          faults={faults.fields}
        />
        <SettingsSection
          settings={settings}
          title="Settings that all trials share"
          description="What is searched above takes its values from there."
          faults={faults.config}
          onTouched={(path) => setTold((now) => without(now, path ? `config.${path}` : 'config'))}
        />
        {faults.rest.length > 0 && (
          <Alert tone="danger" title="The sweep could not be started">
            <ul className="grid gap-1">
              {faults.rest.map((message) => (
                <li key={message}>{message}</li>
              ))}
            </ul>
          </Alert>
        )}
        <div className="-mx-1 sticky bottom-0 z-10 flex flex-wrap items-center justify-end gap-x-3 gap-y-2 border-t bg-background px-1 py-3">
          <p role="status" className="tabular mr-auto min-w-0 text-sm">
            {(wasSent || told !== NO_FAULTS) && count > 0 ? (
              <span className="text-danger-text">
                {`${plural(count, 'field')} ${count === 1 ? 'needs' : 'need'} another value.`}
              </span>
            ) : (
              <span className="text-muted-foreground">{effortWords(draft, config)}</span>
            )}
          </p>
          <Button asChild>
            <Link href="/sweeps" prefetch={false}>
              Cancel
            </Link>
          </Button>
          <Button type="submit" variant="primary" busy={create.isPending}>
            Start sweep
          </Button>
        </div>
      </form>
    </>
  );
}

/** "8 trials of at most 200 steps, compared every 20". */
function effortWords(draft: SweepDraft, config: JsonObject | null): string {
  const trials = trialsOf(draft);
  if (trials === null || config === null) return '';
  const words = [plural(trials, 'trial')];
  const steps = getAt(config, 'max_steps');
  const every = getAt(config, 'evaluation.every_steps');
  if (typeof steps === 'number') words.push(` of ${draft.isAsha ? 'at most ' : ''}${plural(steps, 'step')}`);
  if (typeof every === 'number') words.push(`, compared every ${every}`);
  return words.join('');
}

/** The faults without those about something that was changed. */
function without(faults: Faults, path: string): Faults {
  const about = (prefix: string) => (each: readonly [string, string]) => {
    const own = prefix + each[0];
    return !(own.startsWith(path) || path.startsWith(own));
  };
  return {
    fields: new Map([...faults.fields].filter(about(''))),
    rows:
      path.startsWith('search.dimensions') || 'search.dimensions'.startsWith(path) ? new Map() : faults.rows,
    config: new Map([...faults.config].filter(about('config.'))),
    rest: [],
  };
}
