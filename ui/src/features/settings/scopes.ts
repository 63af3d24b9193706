import type { ApiKeyOut } from '@less-is-more/client';

type Scope = ApiKeyOut['scope'];

/** What a key of each scope may do. */
export const SCOPES: Record<Scope, { title: string; description: string }> = {
  read: { title: 'Read', description: 'See datasets, jobs and adapters, and download them.' },
  write: { title: 'Read and write', description: 'Also launch, change and delete what is yours.' },
  admin: {
    title: 'Administer',
    description: 'Also operate the platform: users, models, everything of others.',
  },
};
