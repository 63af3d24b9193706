'use client';

import { useCallback, useEffect, useMemo, useState } from 'react';
import { useModel } from '@/features/models/api';
import { useDataset, usePresets, useTrainingForm } from '@/features/training/api';
import { agreeing } from '@/features/training/parameters-step';
import { type Fault, faultsOf } from '@/features/training/schema-form/check';
import { getAt, type JsonObject } from '@/features/training/schema-form/json';
import { overlay, withChange } from '@/features/training/schema-form/values';
import { taskFor } from '@/features/training/tasks';

const NONE: readonly Fault[] = [];

/**
 * The settings of a training inside another form. `fitted` gives them what that form needs, after the defaults, a preset or
 * a file were taken; it must stay the same function.
 */
export function useSettings(
  { datasetId, modelId }: { datasetId: string | null; modelId: string | null },
  fitted: (config: JsonObject) => JsonObject,
) {
  const form = useTrainingForm();
  const dataset = useDataset(datasetId ?? '');
  const model = useModel(modelId ?? '');
  const [config, setConfig] = useState<JsonObject | null>(null);
  const [preset, setPreset] = useState('');
  const root = form.data?.root;
  const task = dataset.data || model.data ? taskFor(dataset.data, model.data) : null;
  const presets = usePresets(task);

  /** The defaults with some settings laid over them, for this task. */
  const startWith = useCallback(
    (partial: JsonObject) => {
      if (!root) return;
      let next = overlay(root, root.fallback, partial) as JsonObject;
      if (task && getAt(next, 'task.type') !== task)
        next = withChange(root, next, 'task.type', task) as JsonObject;
      setConfig(fitted(next));
    },
    [root, task, fitted],
  );
  useEffect(() => {
    if (root && config === null) startWith({});
  }, [root, config, startWith]);
  useEffect(() => {
    if (!root || config === null || !task || getAt(config, 'task.type') === task) return;
    setConfig(withChange(root, config, 'task.type', task) as JsonObject);
  }, [root, config, task]);

  const faults = useMemo(() => (root && config ? faultsOf(root, config) : NONE), [root, config]);
  return {
    form,
    config,
    /** Set settings; `path` is the one that was changed by hand. */
    change: (next: JsonObject, path: string) => setConfig(agreeing(next, path)),
    startWith,
    presets: presets.data?.items ?? [],
    preset,
    choosePreset: (id: string) => {
      setPreset(id);
      const chosen = presets.data?.items.find((each) => each.id === id);
      startWith((chosen?.config ?? {}) as JsonObject);
    },
    /** What can be said about them before the platform is asked. */
    faults,
  };
}

export type Settings = ReturnType<typeof useSettings>;
