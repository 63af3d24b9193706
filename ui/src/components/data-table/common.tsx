import { formatId, formatWords } from '@/lib/format';
import type { Filter } from './types';

/** The name that somebody gave a thing, in one line; its short id below where names may be the same. */
export function NameCell({ name, id }: { name: string; id?: string }) {
  return (
    <span className="block min-w-40 max-w-64 2xl:max-w-80">
      <span dir="auto" title={name} className="block truncate">
        {name}
      </span>
      {id !== undefined && (
        <span className="block font-mono font-normal text-2xs text-muted-foreground">{formatId(id)}</span>
      )}
    </span>
  );
}

/** Search by name, status and project: what the lists of jobs, sweeps and pipelines can be narrowed by. */
interface Narrowed {
  q: string;
  status: string;
  project: string;
}

interface ListSearch {
  search: { value: string; onChange: (value: string) => void; placeholder: string };
  filters: Filter[];
}

export function listSearch(
  state: Narrowed,
  change: (changes: Partial<Narrowed>) => void,
  statuses: readonly string[],
  projects: readonly { id: string; name: string }[] = [],
): ListSearch {
  return {
    search: { value: state.q, onChange: (q) => change({ q }), placeholder: 'Search by name …' },
    filters: [
      {
        id: 'status',
        label: 'Status',
        value: state.status,
        options: statuses.map((value) => ({ value, label: formatWords(value) })),
        onChange: (status) => change({ status }),
      },
      // Without any project there is nothing to choose.
      ...(projects.length > 0
        ? [
            {
              id: 'project',
              label: 'Project',
              value: state.project,
              options: projects.map((project) => ({ value: project.id, label: project.name })),
              onChange: (project: string) => change({ project }),
            },
          ]
        : []),
    ],
  };
}
