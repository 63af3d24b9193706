'use client';

import { estimate, ProblemError } from '@less-is-more/client';
import { Download, Upload } from 'lucide-react';
import { type ChangeEvent, useEffect, useId, useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { CodeBlock } from '@/components/ui/code-block';
import { Dialog } from '@/components/ui/dialog';
import { FormField } from '@/components/ui/form-field';
import { Textarea } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { toast } from '@/components/ui/toast';
import { plural } from '@/lib/format';
import { ConfigFileError } from './config-file';
import { type Fault, faultsOf } from './schema-form/check';
import type { JsonObject } from './schema-form/json';
import { Inline } from './schema-form/prose';
import { changesOf, overlay } from './schema-form/values';
import { configPath } from './steps';
import type { Wizard } from './use-wizard';
import { formatConfig, parseConfig } from './yaml';

interface DialogProps {
  wizard: Wizard;
  onClose: () => void;
}

interface Refusal {
  title: string;
  faults: readonly Fault[];
}

/** Settings from a YAML text or file; its faults are shown with their paths, and nothing is taken over. */
export function ImportDialog({ wizard, onClose }: DialogProps) {
  const [text, setText] = useState('');
  const [fileName, setFileName] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const inputId = useId();
  const root = wizard.form.data?.root;

  const onFile = async (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    event.target.value = '';
    if (!file) return;
    setText(await file.text());
    setFileName(file.name);
    setRefusal(null);
  };

  const take = async () => {
    if (!root) return;
    setBusy(true);
    setRefusal(null);
    try {
      const { config, isRun } = await parseConfig(text);
      const whole = overlay(root, root.fallback, config) as JsonObject;
      const faults = faultsOf(root, whole);
      const refused = faults.length > 0 ? faults : await refusedBy(wizard, whole);
      if (refused.length > 0) {
        setRefusal({ title: `${plural(refused.length, 'fault')} in the settings`, faults: refused });
        return;
      }
      wizard.startWith(config, { kind: 'file', title: fileName ?? 'pasted YAML' });
      toast.success(`${plural(changesOf(root, whole).length, 'setting')} taken over`, {
        ...(isRun ? { description: 'The file describes a whole run: only its training was read.' } : {}),
      });
      onClose();
    } catch (error) {
      if (!(error instanceof ConfigFileError)) {
        toast.error(error);
        return;
      }
      setRefusal({
        title: error.line === null ? 'The text is no config' : `The YAML has a fault in line ${error.line}`,
        faults: [{ path: '', message: error.message }],
      });
    } finally {
      setBusy(false);
    }
  };

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Import settings"
      description={
        <Inline text="The same file that `lim jobs launch --config` takes. What it does not name is set to its default." />
      }
      className="sm:max-w-2xl"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" busy={busy} disabled={text.trim() === ''} onClick={take}>
            Take over
          </Button>
        </>
      }
    >
      <div className="grid gap-3">
        <div>
          <input
            id={inputId}
            type="file"
            accept=".yaml,.yml,.json,application/yaml"
            onChange={onFile}
            className="peer sr-only"
          />
          <label
            htmlFor={inputId}
            className="inline-flex h-8 cursor-pointer items-center gap-1.5 rounded-md border border-border-strong bg-card px-3 font-medium text-sm hover:bg-hover peer-focus-visible:outline-2 peer-focus-visible:outline-ring peer-focus-visible:outline-offset-2"
          >
            <Upload className="size-4" aria-hidden /> Choose a file
          </label>
          {fileName && <span className="name ml-3 text-muted-foreground text-sm">{fileName}</span>}
        </div>
        <FormField label="Or paste it here">
          <Textarea
            rows={12}
            spellCheck={false}
            value={text}
            placeholder={
              'method: {type: qlora, rank: 16, alpha: 32}\noptimizer: {type: adamw, learning_rate: 1.0e-3}\nmax_steps: 200'
            }
            onChange={(event) => {
              setText(event.target.value);
              setFileName(null);
              setRefusal(null);
            }}
            className="font-mono md:text-xs"
          />
        </FormField>
        {refusal && (
          <Alert tone="danger" title={refusal.title}>
            <ul className="grid gap-1">
              {refusal.faults.slice(0, 20).map((fault) => (
                <li key={`${fault.path} ${fault.message}`}>
                  {fault.path && <code className="font-mono font-medium text-xs">{fault.path}: </code>}
                  {fault.message}
                </li>
              ))}
            </ul>
          </Alert>
        )}
      </div>
    </Dialog>
  );
}

/** What the platform says about a config; nothing where no model is chosen yet. */
async function refusedBy(wizard: Wizard, config: JsonObject): Promise<readonly Fault[]> {
  const model = wizard.model.data;
  if (!model) return [];
  try {
    await estimate({
      body: { model_id: model.id, config: config as never, resources: wizard.draft.resources },
    });
    return [];
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return error.errors
      .map((fault) => ({ path: configPath(fault.path), message: fault.message }))
      .filter((fault): fault is Fault => fault.path !== null && fault.path !== 'task.type');
  }
}

export function ExportDialog({ wizard, onClose }: DialogProps) {
  const [kind, setKind] = useState<'changes' | 'all'>('changes');
  const [text, setText] = useState<string | null>(null);
  const form = wizard.form.data;
  const { config } = wizard.draft;
  useEffect(() => {
    let isCurrent = true;
    if (form && config) {
      formatConfig(form, config, kind === 'all').then(
        (yaml) => isCurrent && setText(yaml),
        (error: unknown) => toast.error(error),
      );
    }
    return () => {
      isCurrent = false;
    };
  }, [form, config, kind]);
  const download = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text ?? ''], { type: 'application/yaml' }));
    link.download = 'training.yaml';
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Export settings"
      description={<Inline text="Use the file here, or with `lim jobs launch --config training.yaml`." />}
      className="sm:max-w-2xl"
      footer={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button variant="primary" onClick={download} disabled={text === null}>
            <Download aria-hidden /> Download
          </Button>
        </>
      }
    >
      <div className="grid gap-3">
        <Segmented
          label="What the file holds"
          value={kind}
          onValueChange={setKind}
          options={[
            { value: 'changes', label: 'What differs from the defaults' },
            { value: 'all', label: 'Everything' },
          ]}
          className="justify-self-start"
        />
        {text === null ? (
          <Skeleton className="h-40" />
        ) : (
          <CodeBlock
            title="training.yaml"
            code={text.trim() === '{}' ? '# Everything is at its default.\n{}' : text}
          />
        )}
      </div>
    </Dialog>
  );
}
