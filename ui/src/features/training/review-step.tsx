'use client';

import { ProblemError } from '@less-is-more/client';
import { Pencil } from 'lucide-react';
import type { ReactNode } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { familyWords, parameterWords } from '@/features/models/model-words';
import { formatDuration, formatWords, plural } from '@/lib/format';
import { wordsOf } from '@/lib/problems';
import { useProjects } from './api';
import { ResourcesCard } from './resources-card';
import { NumberInput } from './schema-form/controls';
import { formatValue } from './schema-form/describe';
import type { Json } from './schema-form/json';
import { changesOf } from './schema-form/values';
import { configPath, STEPS, type StepId, stepOf } from './steps';
import type { Wizard } from './use-wizard';

interface ReviewStepProps {
  wizard: Wizard;
  onOpen: (step: StepId, field?: string) => void;
}

const NO_PROJECT = 'none';

export function ReviewStep({ wizard, onOpen }: ReviewStepProps) {
  return (
    <div className="grid gap-4">
      <Refusal wizard={wizard} onOpen={onOpen} />
      <div className="grid gap-4 sm:grid-cols-2">
        <ChosenCard
          title="Dataset"
          name={wizard.dataset.data?.name}
          onEdit={() => onOpen('dataset')}
          facts={datasetFacts(wizard)}
        />
        <ChosenCard
          title="Model"
          name={wizard.model.data?.title}
          onEdit={() => onOpen('model')}
          facts={
            wizard.model.data
              ? [familyWords(wizard.model.data.family), parameterWords(wizard.model.data.parameters)]
              : []
          }
        />
      </div>
      <ChangesCard wizard={wizard} onOpen={onOpen} />
      <NameCard wizard={wizard} />
      <ResourcesCard wizard={wizard} />
      <BudgetCard wizard={wizard} />
    </div>
  );
}

/** Why the launch was refused; each fault leads to its step and field. */
function Refusal({ wizard, onOpen }: ReviewStepProps) {
  const { error } = wizard.launch;
  if (!error) return null;
  const { title, cure } = wordsOf(error);
  const faults = error instanceof ProblemError ? error.errors : [];
  return (
    <Alert tone="danger" title={faults.length > 0 ? 'The training was not launched' : title}>
      {faults.length === 0 && cure}
      <ul className="mt-1 grid gap-1.5">
        {faults.map((fault) => {
          const step = stepOf(fault.path);
          return (
            <li key={`${fault.path} ${fault.message}`} className="flex flex-wrap items-baseline gap-x-2">
              <span className="name">
                {fault.path && <code className="font-mono text-xs">{fault.path}: </code>}
                {fault.message}
              </span>
              {step !== 'review' && (
                <Button
                  variant="link"
                  size="inline"
                  onClick={() => onOpen(step, configPath(fault.path) ?? undefined)}
                >
                  Go to {STEPS.find(({ id }) => id === step)?.title.toLowerCase()}
                </Button>
              )}
            </li>
          );
        })}
      </ul>
    </Alert>
  );
}

function ChosenCard({
  title,
  name,
  facts,
  onEdit,
}: {
  title: string;
  name: string | undefined;
  facts: readonly string[];
  onEdit: () => void;
}) {
  return (
    <Card className="flex items-start justify-between gap-3 p-4">
      <div className="min-w-0">
        <h2 className="text-muted-foreground text-xs">{title}</h2>
        <p dir="auto" className="name mt-0.5 line-clamp-2 font-semibold" title={name}>
          {name ?? '–'}
        </p>
        <p className="tabular mt-0.5 text-muted-foreground text-sm">{facts.join(' · ')}</p>
      </div>
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={`Change the ${title.toLowerCase()}`}
        onClick={onEdit}
      >
        <Pencil aria-hidden />
      </Button>
    </Card>
  );
}

function datasetFacts({ dataset: { data }, draft }: Wizard): string[] {
  if (!data) return [];
  const { utterances, audio_s } = (data.statistics ?? {}) as Record<string, number | undefined>;
  return [
    formatWords(data.task),
    ...(utterances === undefined ? [] : [plural(utterances, 'recording')]),
    ...(audio_s === undefined ? [] : [formatDuration(audio_s)]),
    `version ${draft.datasetVersion ?? data.version ?? 1}`,
  ];
}

function ChangesCard({ wizard, onOpen }: ReviewStepProps) {
  const root = wizard.form.data?.root;
  const { config, start } = wizard.draft;
  if (!root || !config) return null;
  const changes = changesOf(root, config);
  const from =
    start.kind === 'defaults'
      ? 'the defaults'
      : start.kind === 'job'
        ? `the run ${start.title}`
        : start.title;
  return (
    <Card>
      <CardHeader
        title={
          changes.length === 0 ? 'Settings' : `Settings that differ from the defaults (${changes.length})`
        }
        description={<span className="name">Started from {from}.</span>}
        actions={
          <Button variant="ghost" size="sm" onClick={() => onOpen('parameters')}>
            <Pencil aria-hidden /> Edit
          </Button>
        }
      />
      <CardContent>
        {changes.length === 0 ? (
          <p className="text-muted-foreground text-sm">Everything is at its default.</p>
        ) : (
          <dl className="divide-y text-sm">
            {changes.map(({ path, node, trail, value, fallback }) => (
              <div
                key={path}
                className="grid gap-x-4 py-1.5 sm:grid-cols-[minmax(0,1fr)_minmax(0,1fr)] sm:items-baseline"
              >
                <dt className="min-w-0">
                  {trail.slice(0, -1).map((title) => (
                    <span key={title} className="text-muted-foreground">
                      {title} ›{' '}
                    </span>
                  ))}
                  {trail.at(-1)}
                </dt>
                <dd className="name tabular min-w-0">
                  <span className="font-medium">{formatValue(node, value)}</span>{' '}
                  <Before node={node} value={fallback} />
                </dd>
              </div>
            ))}
          </dl>
        )}
      </CardContent>
    </Card>
  );
}

function Before({ node, value }: { node: Parameters<typeof formatValue>[0]; value: Json }): ReactNode {
  return <span className="text-muted-foreground text-xs">default {formatValue(node, value)}</span>;
}

function NameCard({ wizard }: { wizard: Wizard }) {
  const projects = useProjects();
  const { draft, change, touched, faults } = wizard;
  return (
    <Card>
      <CardHeader title="Name and project" />
      <CardContent className="grid gap-4 sm:grid-cols-2">
        <FormField label="Output name" optional error={faults.get('name')}>
          <Input
            dir="auto"
            maxLength={200}
            value={draft.name}
            placeholder={wizard.defaultName}
            onChange={(event) => {
              change({ name: event.target.value });
              touched('name');
            }}
          />
        </FormField>
        <FormField label="Project" optional error={faults.get('project_id')}>
          <Select
            value={draft.projectId ?? NO_PROJECT}
            onValueChange={(value) => {
              change({ projectId: value === NO_PROJECT ? null : value });
              touched('project_id');
            }}
            options={[
              { value: NO_PROJECT, label: 'None' },
              ...(projects.data?.items ?? []).map(({ id, name }) => ({ value: id, label: name })),
            ]}
          />
        </FormField>
      </CardContent>
    </Card>
  );
}

const MINUTE_S = 60;

function BudgetCard({ wizard }: { wizard: Wizard }) {
  const { draft, change, touched, faults, estimate } = wizard;
  const { budget } = draft;
  const minutes =
    typeof budget.wall_s === 'number' ? Number((budget.wall_s / MINUTE_S).toFixed(4)) : budget.wall_s;
  const cost = estimate.data?.cost;
  const hasPrices = cost !== undefined && !cost.reason?.includes('prices');
  return (
    <Card>
      <CardHeader
        title="Budget"
        description="At the limit the job saves a checkpoint and stops. You can raise the limit and resume."
      />
      <CardContent className="grid gap-4 sm:grid-cols-2">
        <FormField label="Stop after" optional aside="minutes" error={faults.get('budget.wall_s')}>
          <NumberInput
            value={minutes}
            isNullable
            placeholder="No limit"
            onChange={(value) => {
              change({
                budget: {
                  ...budget,
                  wall_s: typeof value === 'number' ? value * MINUTE_S : (value as number | null),
                },
              });
              touched('budget.wall_s');
            }}
          />
        </FormField>
        {(hasPrices || budget.cost !== null) && (
          <FormField label="Spend at most" optional aside={cost?.currency} error={faults.get('budget.cost')}>
            <NumberInput
              value={budget.cost}
              isNullable
              placeholder="No limit"
              onChange={(value) => {
                change({ budget: { ...budget, cost: value as number | null } });
                touched('budget.cost');
              }}
            />
          </FormField>
        )}
      </CardContent>
    </Card>
  );
}
