import { QueryClient } from '@tanstack/react-query';
import { expect, it } from 'vitest';
import { keys } from '@/lib/query-keys';
import { applyFrames } from './invalidation';
import type { Frame } from './protocol';

it('lays the stages of a pipeline over what is known of them', () => {
  const queries = new QueryClient();
  const key = keys.pipelines.one('p');
  queries.setQueryData(key, {
    id: 'p',
    status: 'running',
    progress: 0,
    stages: [{ name: 'train', status: 'running', needs: ['ingest'], progress: 0 }],
  });
  const state = {
    id: 'p',
    status: 'running',
    progress: 0.5,
    stages: [{ name: 'train', status: 'running', progress: 0.5 }],
  };
  applyFrames(queries, [{ kind: 'pipeline', id: 'p', pipeline: state } as unknown as Frame]);
  expect(queries.getQueryData(key)).toEqual({
    id: 'p',
    status: 'running',
    progress: 0.5,
    stages: [{ name: 'train', status: 'running', needs: ['ingest'], progress: 0.5 }],
  });
  expect(queries.getQueryState(key)?.isInvalidated).toBe(false);

  const ended = { ...state, stages: [{ name: 'train', status: 'succeeded', progress: 1 }] };
  applyFrames(queries, [{ kind: 'pipeline', id: 'p', pipeline: ended } as unknown as Frame]);
  expect(queries.getQueryState(key)?.isInvalidated).toBe(true);
});
