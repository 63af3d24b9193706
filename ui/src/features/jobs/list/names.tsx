'use client';

import { ProblemError } from '@less-is-more/client';
import { formatId } from '@/lib/format';
import { useDataset } from '../api';

/** The name of a dataset; its short id while it loads, and when it is gone. */
export function DatasetName({ id, version }: { id: string; version?: number }) {
  const { data, error } = useDataset(id);
  const isGone = error instanceof ProblemError && error.status === 404;
  return (
    <span className="block max-w-44 truncate" title={data?.name}>
      {data?.name ?? <span className="font-mono text-xs">{formatId(id)}</span>}
      {isGone && <span className="text-muted-foreground"> (deleted)</span>}
      {version !== undefined && <span className="ml-1 text-muted-foreground">v{version}</span>}
    </span>
  );
}
