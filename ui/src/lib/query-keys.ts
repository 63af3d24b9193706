/**
 * The keys under which answers are cached. One factory, so that live events can invalidate what they are about:
 * everything of one job lies below `keys.jobs.one(id)`, every list of jobs below `keys.jobs.lists()`.
 */

type Filters = Record<string, unknown>;

function resource<Name extends string>(name: Name) {
  return {
    all: () => [name] as const,
    lists: () => [name, 'list'] as const,
    list: (filters: Filters = {}) => [name, 'list', filters] as const,
    one: (id: string) => [name, 'one', id] as const,
    /** A part of one: `keys.jobs.part(id, 'curves', { points: 1000 })`. */
    part: (id: string, part: string, filters: Filters = {}) => [name, 'one', id, part, filters] as const,
  };
}

export const keys = {
  datasets: resource('datasets'),
  models: resource('models'),
  jobs: resource('jobs'),
  sweeps: resource('sweeps'),
  pipelines: resource('pipelines'),
  projects: resource('projects'),
  adapters: resource('adapters'),
  notifications: resource('notifications'),
  nodes: resource('nodes'),
  apiKeys: resource('api-keys'),
  audit: resource('audit'),
  adminUsers: resource('admin-users'),
  adminThings: resource('admin-things'),
  me: () => ['me'] as const,
  usage: () => ['usage'] as const,
  settings: (name: string) => ['settings', name] as const,
  schema: (name: string) => ['schema', name] as const,
  estimate: (body: unknown) => ['estimate', body] as const,
};
