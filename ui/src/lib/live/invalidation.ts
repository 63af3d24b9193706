/** Keeps cached answers current: a live event is laid over what is cached, and lists that it may change load again. */

import type { QueryClient, QueryKey } from '@tanstack/react-query';
import { keys } from '@/lib/query-keys';
import { type Frame, isJobEvent } from './protocol';

interface Row {
  id: string;
  status?: string;
}
interface Pages {
  pages: { items: Row[] }[];
}

export function applyFrames(queries: QueryClient, frames: readonly Frame[]): void {
  const stale = new Set<string>();
  const staleKeys: QueryKey[] = [];
  const mark = (key: QueryKey) => {
    const name = JSON.stringify(key);
    if (!stale.has(name)) staleKeys.push(key);
    stale.add(name);
  };
  for (const frame of frames) {
    if (isJobEvent(frame)) continue;
    switch (frame.kind) {
      case 'job':
      case 'sweep':
        lay(queries, keys.jobs, frame.id, frame.job, mark);
        if (frame.kind === 'sweep') lay(queries, keys.sweeps, frame.id, frame.job, mark);
        break;
      case 'dataset':
        lay(queries, keys.datasets, frame.id, frame.dataset, mark);
        break;
      case 'pipeline':
        layPipeline(queries, frame.id, frame.pipeline, mark);
        break;
      case 'notification':
      case 'notifications':
        mark(keys.notifications.all());
        break;
      case 'reset':
        mark([]);
        break;
      case 'ready':
        if (!frame.resumed) mark([]);
        break;
    }
  }
  for (const queryKey of staleKeys) void queries.invalidateQueries({ queryKey });
}

interface Stages {
  stages: readonly { name: string; status: string }[];
}

/** The event's stages hold only what changes while they run: they are laid over those that are known. */
function layPipeline(
  queries: QueryClient,
  id: string,
  state: (Row & Stages) | null,
  mark: (key: QueryKey) => void,
): void {
  const key = keys.pipelines.one(id);
  const before = queries.getQueryData<Row & Stages>(key);
  if (!state || !before) {
    lay(queries, keys.pipelines, id, state && withoutStages(state), mark);
    return;
  }
  const known = new Map(before.stages.map((stage) => [stage.name, stage]));
  // A stage that has ended brings a result, which the event does not hold.
  if (state.stages.some((stage) => known.get(stage.name)?.status !== stage.status)) mark(key);
  queries.setQueryData(key, {
    ...before,
    stages: before.stages.map((stage) => ({
      ...stage,
      ...state.stages.find((other) => other.name === stage.name),
    })),
  });
  lay(queries, keys.pipelines, id, withoutStages(state), mark);
}

function withoutStages({ stages: _, ...row }: Row & Stages): Row {
  return row;
}

type Resource = typeof keys.jobs | typeof keys.sweeps | typeof keys.datasets | typeof keys.pipelines;

function lay(
  queries: QueryClient,
  of: Resource,
  id: string,
  state: Row | null,
  mark: (key: QueryKey) => void,
): void {
  if (state === null) {
    queries.removeQueries({ queryKey: of.one(id) });
    mark(of.lists());
    return;
  }
  const before = queries.getQueryData<Row>(of.one(id));
  if (before) queries.setQueryData(of.one(id), { ...before, ...state });
  // A new status may bring what the event does not hold: a result, a report, files.
  if (before && before.status !== state.status) mark(of.one(id));
  let known = false;
  let moved = false;
  for (const [key, data] of queries.getQueriesData<Pages>({ queryKey: of.lists() })) {
    if (!data?.pages?.some((page) => page.items.some((row) => row.id === id))) continue;
    known = true;
    queries.setQueryData<Pages>(key, {
      ...data,
      pages: data.pages.map((page) => ({
        ...page,
        items: page.items.map((row) => {
          if (row.id !== id) return row;
          moved ||= row.status !== state.status;
          return { ...row, ...state };
        }),
      })),
    });
  }
  if (!known || moved) mark(of.lists());
}
