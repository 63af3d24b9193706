'use client';

import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Combobox } from '@/components/ui/combobox';
import { Dialog } from '@/components/ui/dialog';
import { FormField } from '@/components/ui/form-field';
import { RadioCard, RadioGroup } from '@/components/ui/radio-group';
import { wordsOf } from '@/lib/problems';
import { useRequestKey } from '@/lib/request-key';
import { useDebounced } from '@/lib/use-debounced';
import { useDataset, useEvaluate, useReadyDatasets } from '../api';
import type { Job } from '../contract';

type Split = 'test' | 'validation' | 'all';

/** Measures a training's result and its base, on its own test examples or on another dataset. */
export function EvaluateDialog({ job, onOpenChange }: { job: Job; onOpenChange: (open: boolean) => void }) {
  const router = useRouter();
  const [text, setText] = useState('');
  const q = useDebounced(text);
  const [datasetId, setDatasetId] = useState(job.dataset_id);
  const [split, setSplit] = useState<Split>('test');
  const datasets = useReadyDatasets(q, true);
  const chosen = useDataset(datasetId);
  const evaluate = useEvaluate(job.id);
  const requestKey = useRequestKey();
  const isOwn = datasetId === job.dataset_id;
  const start = async () => {
    const body = { dataset_id: datasetId, measurement: { split } };
    const made = await evaluate.mutateAsync({ body, key: requestKey(body).key });
    onOpenChange(false);
    router.push(`/jobs/${made.id}`);
  };
  return (
    <Dialog
      open
      onOpenChange={onOpenChange}
      title="Evaluate on a dataset"
      description="Measures the result and its base on the same recordings, as a job of its own."
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>Cancel</Button>
          <Button
            variant="primary"
            busy={evaluate.isPending}
            onClick={() => void start().catch(() => undefined)}
          >
            Start evaluation
          </Button>
        </>
      }
    >
      <div className="grid gap-4">
        <FormField label="Dataset">
          <Combobox
            value={datasetId}
            onValueChange={(id) => {
              setDatasetId(id);
              setSplit(id === job.dataset_id ? 'test' : 'all');
            }}
            options={(datasets.data ?? []).map((dataset) => ({ value: dataset.id, label: dataset.name }))}
            {...(chosen.data ? { valueLabel: chosen.data.name } : {})}
            onSearch={setText}
            isLoading={datasets.isFetching}
            searchPlaceholder="Search datasets …"
            emptyText="No dataset that is ready has this name."
          />
        </FormField>
        <FormField
          label="Which recordings"
          description={
            isOwn
              ? 'Only the test examples were kept out of training: on the others, the figures would flatter.'
              : 'None of another dataset were trained on, so all of them can be measured.'
          }
        >
          <RadioGroup value={split} onValueChange={(value) => setSplit(value as Split)}>
            <RadioCard value="test" title="Test examples" />
            <RadioCard value="all" title="All recordings" />
            <RadioCard value="validation" title="Validation examples" />
          </RadioGroup>
        </FormField>
        {evaluate.error && (
          <Alert tone="danger" title={wordsOf(evaluate.error).title}>
            {wordsOf(evaluate.error).cure}
          </Alert>
        )}
      </div>
    </Dialog>
  );
}
