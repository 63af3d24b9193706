'use client';

import type { ModelOut } from '@less-is-more/client';
import { useState } from 'react';
import { Combobox } from '@/components/ui/combobox';
import { useReadyDatasets } from '@/features/jobs/api';
import { useCatalogue } from '@/features/models/api';
import { familyWords, parameterWords } from '@/features/models/model-words';
import { useDataset } from '@/features/training/api';
import { whyNotModel } from '@/features/training/tasks';
import { formatWords } from '@/lib/format';
import { useDebounced } from '@/lib/use-debounced';

interface PickerProps {
  id?: string;
  value: string | null;
  onValueChange: (value: string) => void;
  'aria-invalid'?: boolean;
  'aria-describedby'?: string;
}

/** A dataset that is ready. */
export function DatasetPicker({ value, ...props }: PickerProps) {
  const [text, setText] = useState('');
  const datasets = useReadyDatasets(useDebounced(text), true);
  const chosen = useDataset(value ?? '');
  return (
    <Combobox
      value={value}
      {...(chosen.data ? { valueLabel: chosen.data.name } : {})}
      options={(datasets.data ?? []).map((dataset) => ({
        value: dataset.id,
        label: dataset.name,
        description: `${formatWords(dataset.task)} · version ${dataset.version ?? 1}`,
      }))}
      onSearch={setText}
      isLoading={datasets.isFetching}
      placeholder="Choose a dataset …"
      searchPlaceholder="Search datasets …"
      emptyText="No dataset with this name is ready."
      {...props}
    />
  );
}

/** A model of the catalogue; those that cannot learn from the dataset say why. */
export function ModelPicker({ value, datasetId, ...props }: PickerProps & { datasetId: string | null }) {
  const catalogue = useCatalogue();
  const dataset = useDataset(datasetId ?? '');
  const models = (catalogue.data ?? [])
    .filter((model) => model.status === 'active')
    .map((model) => ({ model, whyNot: whyNotModel(model, dataset.data) }))
    .sort(
      (a, b) =>
        Number(a.whyNot !== null) - Number(b.whyNot !== null) || a.model.parameters - b.model.parameters,
    );
  return (
    <Combobox
      value={value}
      options={models.map(({ model, whyNot }) => ({
        value: model.id,
        label: model.title,
        description: whyNot ?? factsOf(model),
        disabled: whyNot !== null,
      }))}
      isLoading={catalogue.isPending}
      placeholder="Choose a model …"
      searchPlaceholder="Search models …"
      emptyText="No model has this name."
      {...props}
    />
  );
}

const factsOf = (model: ModelOut) => `${familyWords(model.family)} · ${parameterWords(model.parameters)}`;
