'use client';

import { listMetrics, listTasks } from '@less-is-more/client';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { keys } from '@/lib/query-keys';
import { type Registries, storedRegistries, storeRegistries } from '@/lib/registries';

/** Shows pages once the titles of metrics and tasks are known. Only a browser's first visit has to wait for them. */
export function KnownRegistries({ children }: { children: ReactNode }) {
  const [stored] = useState(storedRegistries);
  const query = useQuery({
    queryKey: keys.schema('registries'),
    queryFn: async ({ signal }): Promise<Registries> => {
      const [metrics, tasks] = await Promise.all([listMetrics({ signal }), listTasks({ signal })]);
      const all = { metrics: metrics.items, tasks: tasks.items };
      storeRegistries(all);
      return all;
    },
    ...(stored ? { initialData: stored, initialDataUpdatedAt: 0 } : {}),
    staleTime: Number.POSITIVE_INFINITY,
  });
  // Where they cannot be read, pages show names instead of titles.
  return query.isPending && query.failureCount === 0 ? null : children;
}
