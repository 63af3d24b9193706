/** What the form of a model offers. */

import type { ModelOut } from '@less-is-more/client';

export interface CatalogueChoices {
  families: readonly string[];
  tasks: readonly string[];
}

/** The parts of the schema of a model's card that the form reads. */
export interface CardSchema {
  properties: Record<string, { enum?: string[]; items?: { enum?: string[] } } | undefined>;
}

/** The platform's choices; until they are there, those that the catalogue already uses. */
export function choicesOf(
  given: CatalogueChoices | undefined,
  models: readonly ModelOut[],
): CatalogueChoices {
  const used = (values: readonly string[]) => [...new Set(values)].sort();
  return {
    families: given?.families.length ? given.families : used(models.map((model) => model.family)),
    tasks: given?.tasks.length ? given.tasks : used(models.flatMap((model) => model.tasks ?? [])),
  };
}
