/** What the platform's JSON Schemas of configs consist of. */

import type { Json } from './json';

export type Level = 'basic' | 'advanced' | 'expert';

export interface SchemaGroup {
  name: string;
  title: string;
  description?: string;
}

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  $schema?: string;
  type?: string;
  title?: string;
  description?: string;
  default?: Json;
  const?: Json;
  enum?: Json[];
  format?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  propertyNames?: Schema;
  minProperties?: number;
  maxProperties?: number;
  items?: Schema;
  prefixItems?: Schema[];
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  anyOf?: Schema[];
  oneOf?: Schema[];
  discriminator?: { propertyName: string; mapping?: Record<string, string> };
  'x-level'?: Level;
  'x-group'?: string;
  'x-unit'?: string;
  'x-groups'?: SchemaGroup[];
}

/** Every keyword that the form reads. A test holds the platform's document against it. */
export const KNOWN_KEYWORDS: ReadonlySet<string> = new Set<keyof Schema>([
  '$ref',
  '$defs',
  '$schema',
  'type',
  'title',
  'description',
  'default',
  'const',
  'enum',
  'format',
  'properties',
  'required',
  'additionalProperties',
  'propertyNames',
  'minProperties',
  'maxProperties',
  'items',
  'prefixItems',
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'anyOf',
  'oneOf',
  'discriminator',
  'x-level',
  'x-group',
  'x-unit',
  'x-groups',
]);

/** A schema with its reference followed; what stands beside a `$ref` goes before what it refers to. */
export function resolved(root: Schema, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  let target: unknown = root;
  for (const part of schema.$ref.replace(/^#\//, '').split('/')) {
    target = (target as Record<string, unknown> | undefined)?.[part];
  }
  if (target === undefined) throw new Error(`The schema refers to ${schema.$ref}, which it does not hold`);
  const { $ref: _, ...beside } = schema;
  return { ...resolved(root, target as Schema), ...beside };
}
