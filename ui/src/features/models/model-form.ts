/** The form of a model's card: its values, and what of them goes to the platform. */

import type { ModelCard, ModelOut, ModelPatch } from '@less-is-more/client';
import * as z from 'zod/mini';

export const SOURCES = [
  { value: 'hub', label: 'Hugging Face hub' },
  { value: 's3', label: 'Object storage' },
  { value: 'bundled', label: 'Bundled' },
] as const;
export type SourceKind = (typeof SOURCES)[number]['value'];

const REVISION = /^[0-9a-f]{40}$/;

export const modelSchema = z
  .object({
    title: z
      .string()
      .check(z.trim(), z.minLength(1, 'Enter a name.'), z.maxLength(200, 'Enter at most 200 characters.')),
    id: z
      .string()
      .check(
        z.regex(
          /^[a-z0-9][a-z0-9._-]{0,63}$/,
          'Use lower-case letters, digits, dots, dashes and underscores; at most 64, beginning with a letter or digit.',
        ),
      ),
    description: z.string().check(z.trim(), z.maxLength(4000, 'Enter at most 4,000 characters.')),
    family: z.string().check(z.minLength(1, 'Choose an architecture.')),
    tasks: z.array(z.string()).check(z.minLength(1, 'Choose at least one.')),
    sourceKind: z.enum(['hub', 's3', 'bundled']),
    source: z.string().check(z.trim(), z.minLength(1, 'Enter where the weights are.')),
    revision: z.string().check(z.trim()),
    parameters: z
      .string()
      .check(z.regex(/^[1-9][\d,.\s_]*$/, 'Enter the number of weights, such as 72,593,920.')),
    languages: z.string(),
    licence: z.string().check(z.trim(), z.minLength(1, 'Enter a licence, such as Apache-2.0.')),
  })
  .check(
    z.refine(({ sourceKind, revision }) => sourceKind !== 'hub' || REVISION.test(revision), {
      path: ['revision'],
      message: 'Enter the commit: 40 hexadecimal digits. So every training starts from the same weights.',
    }),
  );
export type ModelValues = z.infer<typeof modelSchema>;

export const EMPTY_MODEL: ModelValues = {
  title: '',
  id: '',
  description: '',
  family: '',
  tasks: [],
  sourceKind: 'hub',
  source: '',
  revision: '',
  parameters: '',
  languages: '',
  licence: '',
};

const PREFIXES: Record<SourceKind, string> = { hub: '', s3: 's3://', bundled: 'bundled:' };

export function kindOf(source: string): SourceKind {
  if (source.startsWith('s3://')) return 's3';
  return source.startsWith('bundled:') ? 'bundled' : 'hub';
}

export function valuesOf(model: ModelOut): ModelValues {
  const sourceKind = kindOf(model.source);
  return {
    title: model.title,
    id: model.id,
    description: model.description,
    family: model.family,
    tasks: [...(model.tasks ?? [])],
    sourceKind,
    source: model.source.slice(PREFIXES[sourceKind].length),
    revision: model.revision ?? '',
    parameters: String(model.parameters),
    languages: model.languages.join(', '),
    licence: model.licence,
  };
}

/** The card that the values make. */
export function cardOf(values: ModelValues): ModelCard {
  const source = values.source.trim();
  const prefix = PREFIXES[values.sourceKind];
  return {
    id: values.id,
    title: values.title,
    description: values.description,
    // Both come from the platform's own lists; it checks them again.
    family: values.family as ModelCard['family'],
    tasks: values.tasks as NonNullable<ModelCard['tasks']>,
    source: source.startsWith(prefix) ? source : prefix + source,
    revision: values.sourceKind === 'hub' ? values.revision : null,
    parameters: Number(values.parameters.replace(/\D/g, '')),
    languages: values.languages
      .split(/[,\s]+/)
      .map((code) => code.trim())
      .filter((code) => code !== ''),
    licence: values.licence,
  };
}

/** Only what differs from the model. A source that is not of the hub drops the revision by itself. */
export function patchOf(values: ModelValues, model: ModelOut): ModelPatch {
  const { id: _, ...card } = cardOf(values);
  const patch: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(card)) {
    const before = model[name as keyof ModelOut];
    if (value !== null && JSON.stringify(value) !== JSON.stringify(before ?? null)) patch[name] = value;
  }
  return patch as ModelPatch;
}

/** An id from a name: Whisper Base (v2) becomes whisper-base-v2. */
export function idFor(title: string): string {
  return title
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._]+/g, '-')
    .replace(/^[^a-z0-9]+|-+$/g, '')
    .slice(0, 64);
}
