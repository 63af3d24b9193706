'use client';

import { ProblemError } from '@less-is-more/client';
import { useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Skeleton } from '@/components/ui/skeleton';
import { toast } from '@/components/ui/toast';
import { wordsOf } from '@/lib/problems';
import { useRevise, useVersions } from '../api';
import { AdvancedOptions } from '../form/advanced-options';
import { type EarlierOptions, useOptions } from '../form/options';
import type { DatasetRow } from '../types';

interface NewOptionsProps {
  dataset: DatasetRow;
  /** The version whose options are the start. */
  version: number;
  onClose: () => void;
}

/** Check the same recordings again with other options: the next version. */
export function NewOptions({ dataset, version, onClose }: NewOptionsProps) {
  const { data: versions } = useVersions(dataset.id);
  const base = versions?.find(({ number }) => number === version);
  return base ? (
    <OptionsDialog
      dataset={dataset}
      version={version}
      before={base.options as EarlierOptions}
      onClose={onClose}
    />
  ) : (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Check again with other options">
      <Skeleton className="h-40 w-full" />
    </Dialog>
  );
}

function OptionsDialog({ dataset, version, before, onClose }: NewOptionsProps & { before: EarlierOptions }) {
  const options = useOptions(true, before);
  const revise = useRevise(dataset.id);
  const [error, setError] = useState<string | null>(null);
  const make = async () => {
    const changes = options.body();
    if (options.isFaulty) return;
    if (Object.keys(changes).length === 0) {
      setError('Nothing is different yet. Change at least one option.');
      return;
    }
    setError(null);
    try {
      const parent = dataset.status === 'error' ? {} : { parent: version };
      const made = await revise.mutateAsync({ ...parent, ...changes });
      toast.success(`Version ${made.number} is being made`);
      onClose();
    } catch (caught) {
      const rest = caught instanceof ProblemError ? options.setServerFaults(caught.errors) : [];
      if (!(caught instanceof ProblemError) || caught.errors.length === 0 || rest.length > 0) {
        const { title, cure } = wordsOf(caught);
        setError([title, cure].filter(Boolean).join(' '));
      }
    }
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Check again with other options"
      description={`The same recordings become the next version. Version ${version} stays as it is.`}
      className="sm:max-w-3xl"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" busy={revise.isPending} onClick={make}>
            Make new version
          </Button>
        </>
      }
    >
      {error && (
        <Alert tone="danger" className="mb-4">
          {error}
        </Alert>
      )}
      <AdvancedOptions options={options} isSpeech={dataset.task === 'speech_to_text'} />
    </Dialog>
  );
}
