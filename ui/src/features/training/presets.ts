import { authorizedFetch, ProblemError, problemOf } from '@less-is-more/client';
import { BASE_URL, session } from '@/lib/session';
import type { JsonObject } from './schema-form/json';

/** A named starting point. */
export interface Preset {
  id: string;
  title: string;
  description: string;
  tasks: readonly string[];
  /** Laid over the defaults. */
  config: JsonObject;
}

/** GET /schemas/presets; none on a platform that does not have it yet. */
export async function trainingPresets(task: string | null, signal: AbortSignal): Promise<readonly Preset[]> {
  const query = task ? `?task=${encodeURIComponent(task)}` : '';
  const response = await authorizedFetch(session, `${BASE_URL}/api/v1/schemas/presets${query}`, { signal });
  if (response.ok) return ((await response.json()) as { items: Preset[] }).items;
  const problem = problemOf(response, await response.json().catch(() => null));
  if (problem instanceof ProblemError && problem.status === 404) return [];
  throw problem;
}
