'use client';

import Link from 'next/link';
import { useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Combobox } from '@/components/ui/combobox';
import { Dialog } from '@/components/ui/dialog';
import { FormField } from '@/components/ui/form-field';
import { Input, Textarea } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { toast } from '@/components/ui/toast';
import { wordsOf } from '@/lib/problems';
import { useDebounced } from '@/lib/use-debounced';
import { useAdapterChoice, useAddVersion } from '../api';
import type { Job } from '../contract';

/** Keeps a training's result as a version of an adapter. */
export function VersionDialog({ job, onOpenChange }: { job: Job; onOpenChange: (open: boolean) => void }) {
  const [mode, setMode] = useState<'new' | 'existing'>('new');
  const [name, setName] = useState(job.name);
  const [adapterId, setAdapterId] = useState<string | null>(null);
  const [notes, setNotes] = useState('');
  const [text, setText] = useState('');
  const adapters = useAdapterChoice(useDebounced(text), true);
  const add = useAddVersion(job.id);
  const words = add.error ? wordsOf(add.error) : null;
  const isReady = mode === 'new' ? name.trim() !== '' : adapterId !== null;
  const save = async () => {
    const version = await add.mutateAsync({
      adapterId: mode === 'existing' ? adapterId : null,
      name: name.trim(),
      notes,
      projectId: job.project_id,
    });
    onOpenChange(false);
    toast.success(`Version ${version.number} is kept`, {
      description: 'Its files, config, data and figures never change.',
      action: {
        label: 'Open the adapter',
        onClick: () => window.location.assign(`/adapters/${version.adapter_id}`),
      },
    });
  };
  return (
    <Dialog
      open
      onOpenChange={onOpenChange}
      title="Make adapter version"
      description="A version keeps the result under a name, with everything that it came from."
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>Cancel</Button>
          <Button
            variant="primary"
            busy={add.isPending}
            disabled={!isReady}
            onClick={() => void save().catch(() => undefined)}
          >
            Make version
          </Button>
        </>
      }
    >
      <div className="grid gap-4">
        <Segmented
          label="New or existing adapter"
          value={mode}
          onValueChange={setMode}
          options={[
            { value: 'new', label: 'New adapter' },
            { value: 'existing', label: 'Existing adapter' },
          ]}
        />
        {mode === 'new' ? (
          <FormField label="Name of the adapter" description="What it is for, such as “clinic dictation”.">
            <Input
              value={name}
              onChange={(event) => setName(event.target.value)}
              maxLength={200}
              dir="auto"
            />
          </FormField>
        ) : (
          <FormField label="Adapter" description="This becomes its newest version.">
            <Combobox
              value={adapterId}
              onValueChange={setAdapterId}
              options={(adapters.data ?? []).map((adapter) => ({
                value: adapter.id,
                label: adapter.name,
                description:
                  adapter.newest_version === null
                    ? 'no version yet'
                    : `newest version ${adapter.newest_version}`,
              }))}
              onSearch={setText}
              isLoading={adapters.isFetching}
              searchPlaceholder="Search adapters …"
              emptyText="There is no adapter with this name."
            />
          </FormField>
        )}
        <FormField label="Notes" optional>
          <Textarea
            value={notes}
            onChange={(event) => setNotes(event.target.value)}
            maxLength={4000}
            dir="auto"
          />
        </FormField>
        {words && (
          <Alert tone="danger" title={words.title}>
            {words.cure}
          </Alert>
        )}
        <p className="text-muted-foreground text-xs">
          Versions are listed under{' '}
          <Link href="/projects" prefetch={false} className="text-primary-text underline">
            Projects &amp; adapters
          </Link>
          .
        </p>
      </div>
    </Dialog>
  );
}
