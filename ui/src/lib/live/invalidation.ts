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
        lay(queries, keys.pipelines, frame.id, frame.pipeline, mark);
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
