import { expect, test } from 'vitest';
import { recentActivity } from './activity';

const job = (id: string, type: 'training' | 'sweep' | 'ingestion', updated_at: string) => ({
  id,
  name: id,
  type,
  status: 'succeeded' as const,
  updated_at,
});

test('the newest come first, with the page of each; ingestions stand behind their datasets', () => {
  const shown = recentActivity(
    [
      job('a', 'training', '2026-01-01T00:00:00Z'),
      job('b', 'sweep', '2026-01-03T00:00:00Z'),
      job('c', 'ingestion', '2026-01-09T00:00:00Z'),
    ],
    [{ id: 'd', name: 'd', status: 'ready', updated_at: '2026-01-02T00:00:00Z' }],
    2,
  );
  expect(shown.map(({ id, href }) => [id, href])).toEqual([
    ['b', '/sweeps/b'],
    ['d', '/datasets/d'],
  ]);
});
