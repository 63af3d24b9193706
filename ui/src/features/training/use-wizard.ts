'use client';

import { type EstimateBody, type JobOut, ProblemError } from '@less-is-more/client';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { useModel } from '@/features/models/api';
import { useRequestKey } from '@/lib/request-key';
import { useDebounced } from '@/lib/use-debounced';
import { useDataset, useEstimate, useLaunch, useStartJob, useTrainingForm } from './api';
import { bodyOf, type Draft, dropDraft, loadDraft, nameFor, type Start, saveDraft } from './draft';
import { faultsOf } from './schema-form/check';
import { getAt, isObject, type JsonObject } from './schema-form/json';
import { overlay, withChange } from './schema-form/values';
import { configPath, type Done } from './steps';
import { taskFor, whyNotDataset, whyNotModel } from './tasks';
import type { Place } from './use-place';

export interface LaunchFault {
  path: string;
  message: string;
}

const REST_MS = 450;

/** Everything that the steps of the wizard share. */
export function useWizard(place: Place, choose: (changes: { dataset?: string; model?: string }) => void) {
  const [draft, setDraft] = useState<Draft>(() => loadDraft(place.draft));
  /** Why the run in the address is no start. */
  const [startFault, setStartFault] = useState<string | null>(null);
  const [launchFaults, setLaunchFaults] = useState<readonly LaunchFault[]>([]);
  const form = useTrainingForm();
  const dataset = useDataset(place.dataset);
  const model = useModel(place.model);
  const source = useStartJob(draft.config === null ? place.from : '');
  const launch = useLaunch();
  const requestKey = useRequestKey(draft.sent);

  useEffect(() => saveDraft(place.draft, draft), [place.draft, draft]);
  const change = useCallback((changes: Partial<Draft>) => setDraft((now) => ({ ...now, ...changes })), []);
  const root = form.data?.root;

  /** Take over the settings of a run: its own config, where it ran, and what it learned from. */
  const startFrom = useCallback(
    (job: JobOut) => {
      if (!root || !isObject(job.spec.config)) return;
      const config = overlay(root, root.fallback, job.spec.config as JsonObject) as JsonObject;
      setDraft((now) => ({
        ...now,
        config,
        start: { kind: 'job', id: job.id, title: job.name },
        // What the platform reserved for the other run's settings is worked out anew for these.
        resources: { ...now.resources, ...job.resources, memory_bytes_per_worker: null },
        projectId: now.projectId ?? job.project_id,
      }));
    },
    [root],
  );

  // The first config: the defaults, or that of the run in the address.
  const { dataset: chosenDataset, model: chosenModel, from } = place;
  useEffect(() => {
    if (!root || draft.config !== null) return;
    if (from === '') {
      change({ config: root.fallback as JsonObject });
    } else if (source.isError) {
      change({ config: root.fallback as JsonObject });
      setStartFault('The run to start from cannot be read. It may have been deleted.');
    } else if (source.data && !isObject(source.data.spec.config)) {
      change({ config: root.fallback as JsonObject });
      setStartFault(`${source.data.name} is no training: only a training has settings to start from.`);
    } else if (source.data) {
      startFrom(source.data);
      choose({
        dataset: chosenDataset || source.data.dataset_id,
        model: chosenModel || (source.data.model_id ?? ''),
      });
    }
  }, [
    root,
    draft.config,
    from,
    source.data,
    source.isError,
    change,
    choose,
    startFrom,
    chosenDataset,
    chosenModel,
  ]);

  // The task follows from what was chosen.
  const task = dataset.data || model.data ? taskFor(dataset.data, model.data) : null;
  useEffect(() => {
    if (!root || !draft.config || !task || getAt(draft.config, 'task.type') === task) return;
    change({ config: withChange(root, draft.config, 'task.type', task) as JsonObject });
  }, [root, draft.config, task, change]);

  const localFaults = useMemo(
    () => (root && draft.config ? faultsOf(root, draft.config) : []),
    [root, draft.config],
  );
  const isAsking =
    draft.config !== null && localFaults.length === 0 && model.data?.status === 'active' && task !== null;
  const config = draft.config;
  const asked = useDebounced(
    useMemo<EstimateBody | null>(
      () =>
        isAsking && config
          ? {
              model_id: chosenModel,
              ...(dataset.data?.version != null
                ? { dataset_id: chosenDataset, dataset_version: draft.datasetVersion }
                : {}),
              config: config as EstimateBody['config'],
              resources: draft.resources,
            }
          : null,
      [
        isAsking,
        config,
        chosenModel,
        chosenDataset,
        dataset.data?.version,
        draft.datasetVersion,
        draft.resources,
      ],
    ),
    REST_MS,
  );
  const estimate = useEstimate(asked);

  const refused = estimate.error instanceof ProblemError ? estimate.error.errors : null;
  const allFaults = useMemo(() => {
    const faults = new Map<string, string>();
    for (const fault of [...launchFaults, ...(refused ?? [])]) {
      if (!faults.has(fault.path)) faults.set(fault.path, fault.message);
    }
    for (const fault of localFaults) faults.set(`config.${fault.path}`, fault.message);
    return faults;
  }, [launchFaults, refused, localFaults]);
  const configFaults = useMemo(() => {
    const faults = new Map<string, string>();
    for (const [path, message] of allFaults) {
      const inside = configPath(path);
      if (inside !== null) faults.set(inside, message);
    }
    return faults;
  }, [allFaults]);

  const done: Done = {
    dataset: dataset.data !== undefined && whyNotDataset(dataset.data, undefined) === null,
    model: model.data !== undefined && whyNotModel(model.data, dataset.data) === null,
    parameters: draft.config !== null && configFaults.size === 0,
  };

  /** Faults of a launch are gone once what they are about changes. */
  const touched = useCallback(
    (path: string) =>
      setLaunchFaults((faults) =>
        faults.filter((fault) => !fault.path.startsWith(path) && !path.startsWith(fault.path)),
      ),
    [],
  );
  const setConfig = useCallback(
    (next: JsonObject, path = '') => {
      change({ config: next });
      touched(path ? `config.${path}` : 'config');
    },
    [change, touched],
  );
  /** Lay a preset or a file over the defaults. */
  const startWith = useCallback(
    (partial: JsonObject, start: Start) => {
      if (!root) return;
      let next = overlay(root, root.fallback, partial) as JsonObject;
      if (task && getAt(next, 'task.type') !== task)
        next = withChange(root, next, 'task.type', task) as JsonObject;
      change({ config: next, start });
      touched('config');
    },
    [root, task, change, touched],
  );

  const defaultName =
    model.data && dataset.data ? nameFor(model.data.title, dataset.data.name) : 'Name of the training';
  const send = async (): Promise<JobOut | null> => {
    if (draft.config === null) return null;
    const body = bodyOf(
      { ...draft, config: draft.config },
      {
        datasetId: chosenDataset,
        modelId: chosenModel,
        defaultName,
      },
    );
    const sent = requestKey(body);
    change({ sent });
    saveDraft(place.draft, { ...draft, sent });
    try {
      const job = await launch.mutateAsync({ body, key: sent.key });
      dropDraft(place.draft);
      return job;
    } catch (error) {
      setLaunchFaults(error instanceof ProblemError ? error.errors : []);
      return null;
    }
  };

  return {
    draft,
    change,
    touched,
    form,
    dataset,
    model,
    startFault,
    /** What the run in the address says is not taken over yet. */
    isStarting:
      from !== '' &&
      startFault === null &&
      (draft.config === null || (place.step === null && (chosenDataset === '' || chosenModel === ''))),
    task,
    estimate,
    /** An estimate of these very settings is there. */
    isEstimateCurrent: estimate.data !== undefined && !estimate.isPlaceholderData && asked !== null,
    setConfig,
    startWith,
    startFrom,
    faults: allFaults,
    configFaults,
    done,
    defaultName,
    launch,
    send,
  };
}

export type Wizard = ReturnType<typeof useWizard>;
