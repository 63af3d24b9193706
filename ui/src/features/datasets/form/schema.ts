/** The options of a dataset, drawn from the platform's JSON Schema: what fields there are, their limits and defaults. */

import type { JsonSchema } from '../api';

export interface OptionField {
  name: string;
  title: string;
  description: string;
  unit: string | null;
  kind: 'number' | 'integer' | 'choice' | 'switch';
  choices: string[];
  /** As text; what holds when the field stays empty. */
  fallback: string;
  isExpert: boolean;
  /** What is wrong with a text, and what is allowed; null: nothing. */
  fault: (text: string) => string | null;
}

/** Texts of the fields by group and name; an empty text leaves the default. */
export type OptionTexts = Record<string, string>;

/** The fields of one object among the schema's properties, such as `limits`. */
export function optionFields(root: JsonSchema, group: string): OptionField[] {
  const object = resolved(root, root.properties?.[group]);
  return Object.entries(object?.properties ?? {}).map(([name, raw]) =>
    fieldOf(name, resolved(root, raw) ?? raw),
  );
}

/** A schema behind references, and without the `null` of an optional one. */
function resolved(root: JsonSchema, schema: JsonSchema | undefined): JsonSchema | undefined {
  if (!schema) return undefined;
  if (schema.$ref) return { ...schema, ...resolved(root, root.$defs?.[schema.$ref.split('/').at(-1) ?? '']) };
  const inner = schema.allOf?.[0] ?? schema.anyOf?.find((each) => each.type !== 'null');
  return inner ? { ...resolved(root, inner), ...described(schema) } : schema;
}

function described({ description, title, default: value }: JsonSchema): JsonSchema {
  return {
    ...(description ? { description } : {}),
    ...(title ? { title } : {}),
    ...(value !== undefined && value !== null ? { default: value } : {}),
  };
}

function fieldOf(name: string, schema: JsonSchema): OptionField {
  const choices = (schema.enum ?? []).map(String);
  const kind =
    choices.length > 0
      ? 'choice'
      : schema.type === 'boolean'
        ? 'switch'
        : schema.type === 'integer'
          ? 'integer'
          : 'number';
  return {
    name,
    title: titleOf(name, schema),
    description: (schema.description ?? '').replaceAll(/\s*\n\s*/g, ' ').replaceAll('`', ''),
    unit: schema['x-unit'] ?? unitOf(name),
    kind,
    choices,
    fallback: schema.default === undefined || schema.default === null ? '' : String(schema.default),
    isExpert: schema['x-level'] === 'expert',
    fault: (text) =>
      text.trim() === '' || kind === 'choice' || kind === 'switch' ? null : faultOf(text, kind, schema),
  };
}

const UNITS: Record<string, string> = { s: 's', db: 'dB', dbfs: 'dBFS', bytes: 'bytes' };

function unitOf(name: string): string | null {
  return UNITS[name.split('_').at(-1) ?? ''] ?? null;
}

/** The schema's own title if a person wrote it; pydantic's is the name with capitals. */
function titleOf(name: string, schema: JsonSchema): string {
  const words = name.replaceAll('_', ' ');
  const made = words.replaceAll(/\b\w/g, (letter) => letter.toUpperCase());
  if (schema.title && schema.title !== made) return schema.title;
  const withoutUnit = unitOf(name) ? words.slice(0, words.lastIndexOf(' ')) : words;
  return withoutUnit.charAt(0).toUpperCase() + withoutUnit.slice(1);
}

function faultOf(text: string, kind: 'number' | 'integer', schema: JsonSchema): string | null {
  const value = Number(text.trim().replace(',', '.'));
  if (!Number.isFinite(value)) return `Give a number, such as ${String(schema.default ?? 1)}.`;
  if (kind === 'integer' && !Number.isInteger(value)) return 'Give a whole number.';
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const isLow =
    (minimum !== undefined && value < minimum) ||
    (exclusiveMinimum !== undefined && value <= exclusiveMinimum);
  const isHigh =
    (maximum !== undefined && value > maximum) ||
    (exclusiveMaximum !== undefined && value >= exclusiveMaximum);
  if (!isLow && !isHigh) return null;
  const from =
    minimum !== undefined
      ? `from ${minimum}`
      : exclusiveMinimum !== undefined
        ? `above ${exclusiveMinimum}`
        : '';
  const to =
    maximum !== undefined
      ? `up to ${maximum}`
      : exclusiveMaximum !== undefined
        ? `below ${exclusiveMaximum}`
        : '';
  return `Give a number ${[from, to].filter(Boolean).join(' ')}.`;
}

/** The values of the texts that differ from the defaults (or from `before`); null when there are none. */
export function optionValues(
  fields: readonly OptionField[],
  texts: OptionTexts,
  before: Record<string, unknown> | null = null,
): Record<string, unknown> | null {
  const values: Record<string, unknown> = {};
  for (const { name, kind, fallback } of fields) {
    const text = texts[name]?.trim() ?? '';
    if (text === '') continue;
    const earlier = before === null ? fallback : String(before[name] ?? '');
    if (text === earlier) continue;
    values[name] =
      kind === 'choice' ? text : kind === 'switch' ? text === 'true' : Number(text.replace(',', '.'));
  }
  return Object.keys(values).length > 0 ? values : null;
}

/** Every fault of the texts, by the field's name. */
export function optionFaults(fields: readonly OptionField[], texts: OptionTexts): Record<string, string> {
  return Object.fromEntries(
    fields.flatMap((field) => {
      const fault = field.fault(texts[field.name] ?? '');
      return fault === null ? [] : [[field.name, fault] as const];
    }),
  );
}
