'use client';

import { FileCode } from 'lucide-react';
import dynamic from 'next/dynamic';
import { type ReactNode, useState } from 'react';
import { Button } from '@/components/ui/button';
import { ErrorState } from '@/components/ui/error-state';
import { NativeSelect } from '@/components/ui/native-select';
import { Skeleton } from '@/components/ui/skeleton';
import { SchemaForm } from '@/features/training/schema-form/schema-form';
import type { Settings } from './use-settings';

const YamlDialog = dynamic(() => import('./yaml-dialog').then((module) => module.YamlDialog), { ssr: false });

const LOCKED = { task: 'Set by the dataset and the model.' };

interface SettingsSectionProps {
  settings: Settings;
  title: string;
  description: ReactNode;
  /** Fault of each path inside the settings. */
  faults: ReadonlyMap<string, string>;
  onTouched: (path: string) => void;
}

/** The settings of a training: the form of a new training, presets, and the same as YAML. */
export function SettingsSection({ settings, title, description, faults, onTouched }: SettingsSectionProps) {
  const [isYaml, setIsYaml] = useState(false);
  const { form, config, presets, preset } = settings;
  return (
    <section aria-labelledby="settings" className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <div className="flex flex-wrap items-end justify-between gap-x-4 gap-y-2 pt-2">
        <div className="min-w-0">
          <h2 id="settings" className="font-semibold text-base">
            {title}
          </h2>
          <p className="mt-0.5 text-muted-foreground text-sm">{description}</p>
        </div>
        <div className="flex flex-wrap items-center gap-2">
          <NativeSelect
            aria-label="Start from a preset"
            value={preset}
            onValueChange={(id) => {
              settings.choosePreset(id);
              onTouched('');
            }}
            options={[
              { value: '', label: 'Defaults' },
              ...presets.map(({ id, title: name }) => ({ value: id, label: name })),
            ]}
          />
          <Button disabled={!config} onClick={() => setIsYaml(true)}>
            <FileCode aria-hidden /> Edit as YAML
          </Button>
        </div>
      </div>
      {form.error ? (
        <ErrorState error={form.error} onRetry={() => void form.refetch()} />
      ) : form.data && config ? (
        <SchemaForm
          form={form.data}
          value={config}
          onChange={(value, path) => {
            settings.change(value, path);
            onTouched(path);
          }}
          faults={faults}
          locked={LOCKED}
        />
      ) : (
        <div aria-busy="true">
          <p className="sr-only" role="status">
            Loading the settings
          </p>
          <Skeleton className="h-72 rounded-lg" />
        </div>
      )}
      {isYaml && form.data && config && (
        <YamlDialog
          form={form.data}
          config={config}
          onTake={(partial) => {
            settings.startWith(partial);
            onTouched('');
          }}
          onClose={() => setIsYaml(false)}
        />
      )}
    </section>
  );
}
