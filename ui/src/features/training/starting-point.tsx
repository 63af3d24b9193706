'use client';

import { FileDown, FileUp } from 'lucide-react';
import dynamic from 'next/dynamic';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { Combobox } from '@/components/ui/combobox';
import { FormField } from '@/components/ui/form-field';
import { RadioCard, RadioGroup } from '@/components/ui/radio-group';
import { formatDateTime } from '@/lib/format';
import { useDebounced } from '@/lib/use-debounced';
import { usePresets, useTrainings } from './api';
import type { JsonObject } from './schema-form/json';
import type { Wizard } from './use-wizard';

const ImportDialog = dynamic(() => import('./yaml-dialogs').then((module) => module.ImportDialog));
const ExportDialog = dynamic(() => import('./yaml-dialogs').then((module) => module.ExportDialog));

const DEFAULTS = 'defaults';

/** Where the settings come from: a preset, an earlier run, a file. */
export function StartingPoint({ wizard }: { wizard: Wizard }) {
  const { draft, task, startWith, startFrom } = wizard;
  const [dialog, setDialog] = useState<'import' | 'export' | null>(null);
  const [text, setText] = useState('');
  const presets = usePresets(task);
  const trainings = useTrainings(useDebounced(text.trim()), true);
  const { start } = draft;
  const value = start.kind === 'preset' ? start.id : start.kind === 'defaults' ? DEFAULTS : '';
  return (
    <Card>
      <CardHeader
        title="Starting point"
        description="Every setting can be changed afterwards."
        actions={
          <>
            <Button variant="ghost" size="sm" onClick={() => setDialog('import')}>
              <FileUp aria-hidden /> Import YAML
            </Button>
            <Button variant="ghost" size="sm" onClick={() => setDialog('export')}>
              <FileDown aria-hidden /> Export
            </Button>
          </>
        }
        className="max-sm:flex-col"
      />
      <CardContent className="grid gap-4">
        <RadioGroup
          aria-label="Starting point"
          value={value}
          onValueChange={(id) => {
            const preset = presets.data?.items.find((each) => each.id === id);
            if (preset) startWith(preset.config as JsonObject, { kind: 'preset', id, title: preset.title });
            else startWith({}, { kind: 'defaults' });
          }}
          className="grid gap-2 sm:grid-cols-2"
        >
          {(presets.data?.items ?? []).map((preset) => (
            <RadioCard
              key={preset.id}
              value={preset.id}
              title={preset.title}
              description={preset.description}
            />
          ))}
          <RadioCard
            value={DEFAULTS}
            title="Defaults"
            description="QLoRA with settings that suit a first training."
          />
        </RadioGroup>
        <FormField
          label="Start from a run"
          optional
          description="Takes over the run's own settings, with everything that was resolved in it."
        >
          <Combobox
            value={start.kind === 'job' ? start.id : null}
            {...(start.kind === 'job' ? { valueLabel: start.title } : {})}
            placeholder="Choose a training …"
            searchPlaceholder="Search trainings …"
            emptyText="No training found."
            onSearch={setText}
            isLoading={trainings.isFetching}
            onValueChange={(id) => {
              const job = trainings.data?.items.find((each) => each.id === id);
              if (job) startFrom(job);
            }}
            options={(trainings.data?.items ?? []).map((job) => ({
              value: job.id,
              label: job.name,
              description: `${job.status} · ${formatDateTime(job.created_at)}`,
            }))}
          />
        </FormField>
        {start.kind === 'file' && (
          <p className="text-muted-foreground text-sm">
            Imported from <span className="name font-medium text-foreground">{start.title}</span>.
          </p>
        )}
      </CardContent>
      {dialog === 'import' && <ImportDialog wizard={wizard} onClose={() => setDialog(null)} />}
      {dialog === 'export' && <ExportDialog wizard={wizard} onClose={() => setDialog(null)} />}
    </Card>
  );
}
