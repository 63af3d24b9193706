'use client';

import { useMemo } from 'react';
import { Card, CardContent } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { Skeleton } from '@/components/ui/skeleton';
import { getAt, isObject, type JsonObject, setAt } from './schema-form/json';
import { SchemaForm } from './schema-form/schema-form';
import { StartingPoint } from './starting-point';
import type { Wizard } from './use-wizard';

export function ParametersStep({ wizard }: { wizard: Wizard }) {
  const { form, draft } = wizard;
  const locked = useMemo(() => ({ task: 'Set by the dataset and the model.' }), []);
  if (form.error) return <ErrorState error={form.error} onRetry={() => void form.refetch()} />;
  if (!form.data || !draft.config) {
    return (
      <div aria-busy="true" className="grid gap-4">
        <p className="sr-only" role="status">
          Loading the settings
        </p>
        <Skeleton className="h-44 rounded-lg" />
        <Skeleton className="h-72 rounded-lg" />
      </div>
    );
  }
  return (
    <div className="grid gap-4">
      <NameCard wizard={wizard} />
      <StartingPoint wizard={wizard} />
      <SchemaForm
        form={form.data}
        value={draft.config}
        onChange={(value, path) => wizard.setConfig(agreeing(value, path), path)}
        faults={wizard.configFaults}
        locked={locked}
      />
    </div>
  );
}

function NameCard({ wizard }: { wizard: Wizard }) {
  return (
    <Card>
      <CardContent className="pt-4">
        <FormField
          label="Output name"
          optional
          description="The run, its adapter and its files are found by it."
          error={wizard.faults.get('name')}
        >
          <Input
            dir="auto"
            maxLength={200}
            value={wizard.draft.name}
            placeholder={wizard.defaultName}
            onChange={(event) => {
              wizard.change({ name: event.target.value });
              wizard.touched('name');
            }}
          />
        </FormField>
      </CardContent>
    </Card>
  );
}

/** How long it trains is given in steps or in epochs; the one that is set last counts. */
export function agreeing(value: JsonObject, path: string): JsonObject {
  const other = path === 'max_steps' ? 'epochs' : path === 'epochs' ? 'max_steps' : null;
  if (other === null || getAt(value, path) === null) return value;
  const next = setAt(value, other, null);
  return isObject(next) ? next : value;
}
