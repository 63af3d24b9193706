'use client';

import { ProblemError, type SearchConfig, type SweepBody } from '@less-is-more/client';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { type FormEvent, useMemo, useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { PageHeader } from '@/components/ui/page-header';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { ProjectSelect } from '@/features/datasets/form/project-select';
import { useTrainingForm } from '@/features/training/api';
import { ConfigFileError } from '@/features/training/config-file';
import { plural } from '@/lib/format';
import { wordsOf } from '@/lib/problems';
import { useCreateSweep } from '../api';
import { DimensionRows } from '../form/dimension-rows';
import {
  combinationsOf,
  dimensionsOf,
  faultsOfRows,
  newRow,
  placeOf,
  type Row,
  searchablePaths,
} from '../form/dimensions';
import { readWritten, type Written } from '../form/document';
import { DatasetPicker, ModelPicker } from '../form/pickers';
import { type WrittenFault, YamlField } from '../form/yaml-field';

const TEMPLATE = `# The training that each trial runs. What is not said here has its default.
max_steps: 200
evaluation: {every_steps: 20}      # trials are compared on these validations
split: {validation_fraction: 0.1}  # examples to compare on; test examples stay unseen
method: {type: qlora, rank: 8, alpha: 16}
`;
const ALGORITHMS = [
  {
    value: 'optuna',
    label: 'Learning (Optuna)',
    description: 'Looks closer where earlier trials were good. The usual choice.',
  },
  { value: 'random', label: 'Random', description: 'Values by chance: a fair picture of the whole range.' },
  { value: 'grid', label: 'Grid', description: 'Every combination of lists and grids.' },
] as const;
type Algorithm = (typeof ALGORITHMS)[number]['value'];

const FIELDS = [
  'name',
  'dataset_id',
  'model_id',
  'project_id',
  'resources.num_workers',
  'search.algorithm.trials',
  'search.scheduler.reduction_factor',
  'search.scheduler.grace_validations',
];

interface Faults {
  fields: ReadonlyMap<string, string>;
  rows: ReadonlyMap<string, string>;
  written: readonly WrittenFault[];
  rest: readonly string[];
}
const NO_FAULTS: Faults = { fields: new Map(), rows: new Map(), written: [], rest: [] };

export function NewSweepScreen() {
  const [name, setName] = useState('');
  const [datasetId, setDatasetId] = useState<string | null>(null);
  const [modelId, setModelId] = useState<string | null>(null);
  const [projectId, setProjectId] = useState<string | null>(null);
  const [rows, setRows] = useState<readonly Row[]>([
    newRow(0, { path: 'optimizer.learning_rate', type: 'loguniform', low: '1e-4', high: '1e-2' }),
  ]);
  const [algorithm, setAlgorithm] = useState<Algorithm>('optuna');
  const [trials, setTrials] = useState('8');
  const [isAsha, setIsAsha] = useState(true);
  const [reduction, setReduction] = useState('3');
  const [grace, setGrace] = useState('1');
  const [atOnce, setAtOnce] = useState('1');
  const [text, setText] = useState(TEMPLATE);
  const [faults, setFaults] = useState<Faults>(NO_FAULTS);
  const create = useCreateSweep();
  const router = useRouter();
  const form = useTrainingForm();
  const paths = useMemo(() => (form.data ? searchablePaths(form.data.root) : []), [form.data]);
  const combinations = combinationsOf(rows);

  const launch = async (event: FormEvent) => {
    event.preventDefault();
    const fields = new Map<string, string>();
    if (datasetId === null) fields.set('dataset_id', 'Choose the dataset to learn from.');
    if (modelId === null) fields.set('model_id', 'Choose the model to start from.');
    const rowFaults = faultsOfRows(rows);
    let written: Written;
    try {
      written = await readWritten(text);
    } catch (error) {
      if (!(error instanceof ConfigFileError)) throw error;
      setFaults({
        fields,
        rows: rowFaults,
        written: [{ path: '', message: error.message, line: error.line }],
        rest: [],
      });
      return;
    }
    if (datasetId === null || modelId === null || rowFaults.size > 0) {
      setFaults({ fields, rows: rowFaults, written: [], rest: [] });
      return;
    }
    setFaults(NO_FAULTS);
    const body: SweepBody = {
      ...(name.trim() ? { name: name.trim() } : {}),
      dataset_id: datasetId,
      model_id: modelId,
      project_id: projectId,
      config: written.value as SweepBody['config'],
      search: {
        dimensions: dimensionsOf(rows),
        algorithm:
          algorithm === 'grid' ? { type: algorithm } : { type: algorithm, trials: Number(trials) || 0 },
        scheduler: isAsha
          ? { type: 'asha', reduction_factor: Number(reduction), grace_validations: Number(grace) }
          : { type: 'none' },
      } as SearchConfig,
      resources: { num_workers: Number(atOnce) || 0 },
    };
    try {
      const sweep = await create.mutateAsync({ body, key: crypto.randomUUID() });
      router.push(`/sweeps/${sweep.id}`);
    } catch (error) {
      setFaults(sorted(error, rows, written));
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
        className="grid max-w-4xl grid-cols-[minmax(0,1fr)] gap-4"
        onSubmit={(event) => void launch(event)}
      >
        <Card>
          <CardHeader title="What to train" />
          <CardContent className="grid gap-4 sm:grid-cols-2">
            <FormField label="Dataset" error={faults.fields.get('dataset_id')}>
              <DatasetPicker value={datasetId} onValueChange={setDatasetId} />
            </FormField>
            <FormField label="Model" error={faults.fields.get('model_id')}>
              <ModelPicker value={modelId} onValueChange={setModelId} datasetId={datasetId} />
            </FormField>
            <FormField
              label="Name"
              optional
              description="Without one: the model and the dataset."
              error={faults.fields.get('name')}
            >
              <Input
                value={name}
                onChange={(event) => setName(event.target.value)}
                maxLength={200}
                dir="auto"
              />
            </FormField>
            <FormField label="Project" error={faults.fields.get('project_id')}>
              <ProjectSelect value={projectId} onValueChange={setProjectId} />
            </FormField>
          </CardContent>
        </Card>
        <Card>
          <CardHeader
            title="What to search"
            description="Settings of the training by their dotted paths. Task, split, seed and evaluation stay the same, so that trials can be compared."
          />
          <CardContent>
            <DimensionRows rows={rows} onChange={setRows} faults={faults.rows} paths={paths} />
          </CardContent>
        </Card>
        <Card>
          <CardHeader title="How to search" />
          <CardContent className="grid gap-4 sm:grid-cols-3">
            <FormField label="Method">
              <Select
                value={algorithm}
                onValueChange={(value) => setAlgorithm(value as Algorithm)}
                options={ALGORITHMS}
              />
            </FormField>
            {algorithm === 'grid' ? (
              <FormField label="Trials" description="Every combination of lists and grids.">
                <Input
                  value={combinations === null ? 'needs lists or grids' : String(combinations)}
                  disabled
                />
              </FormField>
            ) : (
              <FormField label="Trials" error={faults.fields.get('search.algorithm.trials')}>
                <Input
                  inputMode="numeric"
                  value={trials}
                  onChange={(event) => setTrials(event.target.value)}
                />
              </FormField>
            )}
            <FormField
              label="Trials at once"
              description="Each needs a CPU or GPU of its own."
              error={faults.fields.get('resources.num_workers')}
            >
              <Input inputMode="numeric" value={atOnce} onChange={(event) => setAtOnce(event.target.value)} />
            </FormField>
            <div className="flex items-start gap-3 sm:col-span-3">
              <Switch id="asha" checked={isAsha} onCheckedChange={setIsAsha} />
              <label htmlFor="asha" className="text-sm">
                <span className="block font-medium">Stop weak trials early</span>
                <span className="block text-muted-foreground">
                  After each decision only the best go on (ASHA). It finds as good settings in a part of the
                  time.
                </span>
              </label>
            </div>
            {isAsha && (
              <>
                <FormField
                  label="One in … goes on"
                  error={faults.fields.get('search.scheduler.reduction_factor')}
                >
                  <Input
                    inputMode="decimal"
                    value={reduction}
                    onChange={(event) => setReduction(event.target.value)}
                  />
                </FormField>
                <FormField
                  label="First decision after"
                  aside="validations"
                  description="Raise it if the first steps say little, as in a warm-up."
                  error={faults.fields.get('search.scheduler.grace_validations')}
                >
                  <Input
                    inputMode="numeric"
                    value={grace}
                    onChange={(event) => setGrace(event.target.value)}
                  />
                </FormField>
              </>
            )}
          </CardContent>
        </Card>
        <Card>
          <CardHeader title="Settings that all trials share" />
          <CardContent>
            <YamlField
              label="Training settings, as YAML"
              description="The same fields as in a training's config. evaluation.every_steps must be greater than 0."
              value={text}
              onChange={setText}
              faults={faults.written}
              rows={8}
            />
          </CardContent>
        </Card>
        {faults.rest.length > 0 && (
          <Alert tone="danger" title="The sweep could not be started">
            <ul className="grid gap-1">
              {faults.rest.map((message) => (
                <li key={message}>{message}</li>
              ))}
            </ul>
          </Alert>
        )}
        <div className="flex flex-wrap items-center justify-end gap-2">
          <p role="status" className="mr-auto text-danger-text text-sm">
            {faults.fields.size + faults.rows.size > 0 &&
              `${plural(faults.fields.size + faults.rows.size, 'field')} above ${faults.fields.size + faults.rows.size === 1 ? 'needs' : 'need'} another value.`}
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

/** The faults of the platform at the fields that they are about. */
function sorted(error: unknown, rows: readonly Row[], written: Written): Faults {
  const fields = new Map<string, string>();
  const atRows = new Map<string, string>();
  const inText: WrittenFault[] = [];
  const rest: string[] = [];
  const all = error instanceof ProblemError ? error.errors : [];
  for (const { path, message } of all) {
    const row = placeOf(path, rows);
    if (row !== null) atRows.set(row, [atRows.get(row), message].filter(Boolean).join('; '));
    else if (FIELDS.includes(path)) fields.set(path, message);
    else if (path === 'config' || path.startsWith('config.')) {
      const own = path.slice('config.'.length);
      inText.push({ path: own, message, line: written.lineOf(own) });
    } else rest.push(path ? `${path}: ${message}` : message);
  }
  if (all.length === 0) {
    const { title, cure } = wordsOf(error);
    rest.push(cure ? `${title} ${cure}` : title);
  }
  return { fields, rows: atRows, written: inText, rest };
}
