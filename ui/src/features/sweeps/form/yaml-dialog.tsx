'use client';

import { useEffect, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Skeleton } from '@/components/ui/skeleton';
import { toast } from '@/components/ui/toast';
import { ConfigFileError } from '@/features/training/config-file';
import { faultsOf } from '@/features/training/schema-form/check';
import type { JsonObject } from '@/features/training/schema-form/json';
import type { Form } from '@/features/training/schema-form/node';
import { overlay } from '@/features/training/schema-form/values';
import { formatConfig } from '@/features/training/yaml';
import { readWritten } from './document';
import { type WrittenFault, YamlField } from './yaml-field';

interface YamlDialogProps {
  form: Form;
  config: JsonObject;
  /** Gets what was written: it replaces all settings, over the defaults. */
  onTake: (partial: JsonObject) => void;
  onClose: () => void;
}

/** The settings that differ from the defaults as YAML: to copy, to paste, to edit. */
export function YamlDialog({ form, config, onTake, onClose }: YamlDialogProps) {
  const [text, setText] = useState<string | null>(null);
  const [faults, setFaults] = useState<readonly WrittenFault[]>([]);
  useEffect(() => {
    let isCurrent = true;
    formatConfig(form, config, false).then(
      (yaml) => isCurrent && setText((now) => now ?? (yaml.trim() === '{}' ? '' : yaml)),
      (error: unknown) => toast.error(error),
    );
    return () => {
      isCurrent = false;
    };
  }, [form, config]);
  const take = async () => {
    try {
      const { value, lineOf } = await readWritten(text ?? '');
      const found = faultsOf(form.root, overlay(form.root, form.root.fallback, value));
      setFaults(found.map((fault) => ({ ...fault, line: lineOf(fault.path) })));
      if (found.length > 0) return;
      onTake(value);
      onClose();
    } catch (error) {
      if (!(error instanceof ConfigFileError)) throw error;
      setFaults([{ path: '', message: error.message, line: error.line }]);
    }
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Settings as YAML"
      description="What differs from the defaults. Copy it, or paste the config of another training."
      className="sm:max-w-2xl"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" disabled={text === null} onClick={() => void take()}>
            Take over
          </Button>
        </>
      }
    >
      {text === null ? (
        <Skeleton className="h-60" />
      ) : (
        <YamlField
          label="Training settings"
          description="The same fields as in a config file. What is not said here has its default."
          value={text}
          onChange={(next) => {
            setText(next);
            setFaults([]);
          }}
          faults={faults}
          rows={14}
        />
      )}
    </Dialog>
  );
}
