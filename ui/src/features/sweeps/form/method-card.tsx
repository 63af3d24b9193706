'use client';

import { useId } from 'react';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { type SweepDraft, trialsOf } from './draft';
import type { Algorithm } from './presets';

const ALGORITHMS: readonly { value: Algorithm; label: string; description: string }[] = [
  {
    value: 'optuna',
    label: 'Learning (Optuna)',
    description: 'Looks closer where earlier trials were good. The usual choice.',
  },
  { value: 'random', label: 'Random', description: 'Values by chance: a fair picture of the whole range.' },
  { value: 'grid', label: 'Grid', description: 'Every combination of lists and grids.' },
];

interface MethodCardProps {
  draft: SweepDraft;
  onChange: (changes: Partial<SweepDraft>, path: string) => void;
  faults: ReadonlyMap<string, string>;
}

/** How trials are chosen, how many there are, and what each may use. */
export function MethodCard({ draft, onChange, faults }: MethodCardProps) {
  const ashaId = useId();
  const combinations = trialsOf({ ...draft, algorithm: 'grid' });
  const number = (
    key: 'trials' | 'reduction' | 'grace' | 'atOnce' | 'cpus' | 'gpus' | 'minutes',
    path: string,
    isWhole = true,
  ) => (
    <Input
      inputMode={isWhole ? 'numeric' : 'decimal'}
      value={draft[key]}
      onChange={(event) => onChange({ [key]: event.target.value }, path)}
    />
  );
  return (
    <Card>
      <CardHeader title="How to search" />
      <CardContent className="grid gap-4 sm:grid-cols-3">
        <FormField label="Method" error={faults.get('search.algorithm.type')}>
          <Select
            value={draft.algorithm}
            onValueChange={(algorithm) => onChange({ algorithm: algorithm as Algorithm }, 'search.algorithm')}
            options={ALGORITHMS}
          />
        </FormField>
        {draft.algorithm === 'grid' ? (
          <FormField label="Trials" description="Every combination of the values.">
            <Input value={combinations === null ? '–' : String(combinations)} readOnly />
          </FormField>
        ) : (
          <FormField label="Trials" error={faults.get('search.algorithm.trials')}>
            {number('trials', 'search.algorithm.trials')}
          </FormField>
        )}
        <FormField
          label="Stop after"
          optional
          aside="minutes"
          description="The trials so far stay; resume goes on."
          error={faults.get('budget.wall_s')}
        >
          {number('minutes', 'budget.wall_s', false)}
        </FormField>
        <div className="flex items-start gap-3 sm:col-span-3">
          <Switch
            id={ashaId}
            checked={draft.isAsha}
            onCheckedChange={(isAsha) => onChange({ isAsha }, 'search.scheduler')}
          />
          <label htmlFor={ashaId} className="text-sm">
            <span className="block font-medium">Stop weak trials early</span>
            <span className="block text-muted-foreground">
              After each decision only the best go on (ASHA). It finds settings as good in a part of the time.
            </span>
          </label>
        </div>
        {draft.isAsha && (
          <>
            <FormField
              label="One in … goes on"
              description="3: the best third."
              error={faults.get('search.scheduler.reduction_factor')}
            >
              {number('reduction', 'search.scheduler.reduction_factor', false)}
            </FormField>
            <FormField
              label="First decision after"
              aside="validations"
              description="Raise it if the first steps say little, as in a warm-up."
              error={faults.get('search.scheduler.grace_validations')}
            >
              {number('grace', 'search.scheduler.grace_validations')}
            </FormField>
          </>
        )}
        <fieldset className="grid gap-4 border-t pt-4 sm:col-span-3 sm:grid-cols-3">
          <legend className="sr-only">What trials may use</legend>
          <FormField
            label="Trials at once"
            description="Each needs a place of its own on the cluster."
            error={faults.get('resources.num_workers')}
          >
            {number('atOnce', 'resources.num_workers')}
          </FormField>
          <FormField label="CPUs of a trial" error={faults.get('resources.cpus_per_worker')}>
            {number('cpus', 'resources.cpus_per_worker', false)}
          </FormField>
          <FormField label="GPUs of a trial" error={faults.get('resources.gpus_per_worker')}>
            {number('gpus', 'resources.gpus_per_worker', false)}
          </FormField>
        </fieldset>
      </CardContent>
    </Card>
  );
}
