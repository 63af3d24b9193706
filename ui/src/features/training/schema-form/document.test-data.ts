import { readFileSync } from 'node:fs';
import type { Schema } from './schema';

/** The schema of a training config in the platform's own document. */
export function documentedTraining(): Schema {
  const text = readFileSync('../docs/openapi.json', 'utf8');
  const document = JSON.parse(text) as { components: { schemas: Record<string, Schema> } };
  const schemas = document.components.schemas;
  const training = schemas.TrainingConfig;
  if (!training) throw new Error('docs/openapi.json holds no TrainingConfig');
  return { ...training, components: { schemas } } as Schema;
}
