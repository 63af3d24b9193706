/**
 * A schema as a tree of fields: references followed, unions by their tag, defaults complete. Everything else of the form
 * (rows, checks, changes, search) works on this tree.
 */

import { formatWords } from '@/lib/format';
import { isObject, type Json, type JsonObject } from './json';
import { type Level, resolved, type Schema, type SchemaGroup } from './schema';

export interface Branch {
  /** Value of the tag. */
  value: string;
  title: string;
  description: string;
  fields: readonly Node[];
}

interface Limits {
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

export type Shape =
  | { kind: 'object'; fields: readonly Node[] }
  /** One of several objects; `tag` is the property that says which. */
  | { kind: 'union'; tag: string; branches: readonly Branch[] }
  | ({ kind: 'number'; isInteger: boolean } & Limits)
  | { kind: 'text'; minLength?: number; maxLength?: number; pattern?: string }
  | { kind: 'switch' }
  | { kind: 'choice'; options: readonly string[] }
  | { kind: 'constant'; value: Json }
  /** Several of a few words. */
  | { kind: 'set'; options: readonly string[]; minItems?: number; maxItems?: number }
  | { kind: 'list'; item: Node; minItems?: number; maxItems?: number }
  /** A fixed number of values, such as a range. */
  | { kind: 'tuple'; items: readonly Node[] }
  | {
      kind: 'map';
      keys: readonly string[] | null;
      value: Node;
      minProperties?: number;
      maxProperties?: number;
    }
  /** One word for a choice of the platform's, or an own value. */
  | { kind: 'either'; word: string; other: Node }
  /** A form that this page does not know: shown as JSON. */
  | { kind: 'other' };

export interface Node {
  name: string;
  title: string;
  description: string;
  level: Level;
  group: string | null;
  unit: string | null;
  isNullable: boolean;
  isRequired: boolean;
  /** The default, with everything inside it; null where the schema gives none. */
  fallback: Json;
  shape: Shape;
}

export interface Form {
  root: Node;
  groups: readonly SchemaGroup[];
}

const MAIN = 'main';

/** The form of a schema of an object. `units` says what a unit of the schema is called. */
export function formOf(schema: Schema, units: Readonly<Record<string, string>> = {}): Form {
  const root = withUnits(nodeOf(schema, schema, '', true), units);
  if (root.shape.kind !== 'object') throw new Error('A form needs the schema of an object');
  return { root, groups: schema['x-groups'] ?? [{ name: MAIN, title: root.title || 'Settings' }] };
}

/** The fields of a form's group, in the schema's order. Fields of an unknown group belong to the last one. */
export function fieldsOfGroup(form: Form, group: SchemaGroup): readonly Node[] {
  const names = new Set(form.groups.map(({ name }) => name));
  const last = form.groups.at(-1)?.name;
  return fieldsOf(form.root, form.root.fallback).filter(
    (field) => (field.group !== null && names.has(field.group) ? field.group : last) === group.name,
  );
}

/** The fields inside a value: of an object all, of a union those of its branch. */
export function fieldsOf(node: Node, value: Json | undefined): readonly Node[] {
  if (node.shape.kind === 'object') return node.shape.fields;
  if (node.shape.kind === 'union') return branchOf(node, value)?.fields ?? [];
  return [];
}

export function branchOf(node: Node, value: Json | undefined): Branch | undefined {
  const { shape } = node;
  if (shape.kind !== 'union' || !isObject(value)) return undefined;
  return shape.branches.find((branch) => branch.value === value[shape.tag]);
}

/** A new value of a union's branch: its defaults. */
export function branchDefault(tag: string, branch: Branch): JsonObject {
  return { [tag]: branch.value, ...defaultsOf(branch.fields) };
}

function defaultsOf(fields: readonly Node[]): JsonObject {
  return Object.fromEntries(fields.map((field) => [field.name, field.fallback]));
}

function nodeOf(root: Schema, given: Schema, name: string, isRequired: boolean): Node {
  const schema = resolved(root, given);
  const choices = schema.anyOf?.map((choice) => resolved(root, choice));
  const isNullable = choices?.some((choice) => choice.type === 'null') ?? false;
  const others = choices?.filter((choice) => choice.type !== 'null');
  const only = others?.length === 1 ? { ...others[0], ...without(schema, 'anyOf') } : schema;
  const shape = shapeOf(root, isNullable && others && others.length > 1 ? { ...only, anyOf: others } : only);
  return {
    name,
    title: schema.title ?? formatWords(name),
    description: schema.description ?? '',
    level: schema['x-level'] ?? 'basic',
    group: schema['x-group'] ?? null,
    unit: schema['x-unit'] ?? null,
    isNullable,
    isRequired,
    fallback: isNullable && schema.default === undefined ? null : completed(shape, schema.default),
    shape,
  };
}

function withUnits(node: Node, units: Readonly<Record<string, string>>): Node {
  const inside = (fields: readonly Node[]) => fields.map((field) => withUnits(field, units));
  const { shape } = node;
  return {
    ...node,
    unit: node.unit === null ? null : (units[node.unit] ?? node.unit),
    shape:
      shape.kind === 'object'
        ? { ...shape, fields: inside(shape.fields) }
        : shape.kind === 'union'
          ? {
              ...shape,
              branches: shape.branches.map((branch) => ({ ...branch, fields: inside(branch.fields) })),
            }
          : shape,
  };
}

function shapeOf(root: Schema, schema: Schema): Shape {
  if (schema.oneOf && schema.discriminator)
    return unionOf(root, schema.oneOf, schema.discriminator.propertyName);
  if (schema.anyOf?.length === 2) {
    const [first, second] = schema.anyOf as [Schema, Schema];
    if (typeof first.const === 'string') {
      return { kind: 'either', word: first.const, other: nodeOf(root, second, '', true) };
    }
  }
  if (schema.const !== undefined) return { kind: 'constant', value: schema.const };
  if (schema.enum) return { kind: 'choice', options: schema.enum.map(String) };
  switch (schema.type) {
    case 'object':
      return schema.properties ? { kind: 'object', fields: fieldsIn(root, schema) } : mapOf(root, schema);
    case 'array':
      return arrayOf(root, schema);
    case 'integer':
    case 'number':
      return {
        kind: 'number',
        isInteger: schema.type === 'integer',
        ...picked(schema, ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum']),
      };
    case 'string':
      return { kind: 'text', ...picked(schema, ['minLength', 'maxLength', 'pattern']) };
    case 'boolean':
      return { kind: 'switch' };
    default:
      return { kind: 'other' };
  }
}

function unionOf(root: Schema, options: readonly Schema[], tag: string): Shape {
  const branches = options.map((option) => {
    const schema = resolved(root, option);
    const value = String(schema.properties?.[tag]?.const ?? '');
    return {
      value,
      title: schema.title ?? formatWords(value),
      description: schema.description ?? '',
      fields: fieldsIn(root, schema).filter((field) => field.name !== tag),
    };
  });
  return { kind: 'union', tag, branches };
}

function fieldsIn(root: Schema, schema: Schema): readonly Node[] {
  return Object.entries(schema.properties ?? {}).map(([name, property]) =>
    nodeOf(root, property, name, schema.required?.includes(name) ?? false),
  );
}

function arrayOf(root: Schema, schema: Schema): Shape {
  if (schema.prefixItems) {
    return { kind: 'tuple', items: schema.prefixItems.map((item) => nodeOf(root, item, '', true)) };
  }
  const limits = picked(schema, ['minItems', 'maxItems']);
  const item = nodeOf(root, schema.items ?? {}, '', true);
  if (item.shape.kind === 'choice') return { kind: 'set', options: item.shape.options, ...limits };
  if (item.shape.kind === 'text' || item.shape.kind === 'number') return { kind: 'list', item, ...limits };
  return { kind: 'other' };
}

function mapOf(root: Schema, schema: Schema): Shape {
  if (!isSchema(schema.additionalProperties)) return { kind: 'other' };
  const value = nodeOf(root, schema.additionalProperties, '', true);
  if (value.shape.kind !== 'number' && value.shape.kind !== 'text') return { kind: 'other' };
  return {
    kind: 'map',
    keys: schema.propertyNames?.enum?.map(String) ?? null,
    value,
    ...picked(schema, ['minProperties', 'maxProperties']),
  };
}

/** A default with everything that it leaves out: the defaults of the fields inside. */
function completed(shape: Shape, value: Json | undefined): Json {
  switch (shape.kind) {
    case 'object':
      return { ...defaultsOf(shape.fields), ...(isObject(value) ? value : {}) };
    case 'union': {
      const type = isObject(value) ? value[shape.tag] : undefined;
      const branch = shape.branches.find((each) => each.value === type) ?? shape.branches[0];
      if (value === null || !branch) return null;
      return { ...branchDefault(shape.tag, branch), ...(isObject(value) ? value : {}) };
    }
    case 'constant':
      return shape.value;
    case 'map':
      return value ?? {};
    case 'list':
    case 'set':
      return value === undefined ? [] : value;
    default:
      return value ?? null;
  }
}

function picked<K extends keyof Schema>(schema: Schema, names: readonly K[]): Partial<Pick<Schema, K>> {
  const found: Partial<Pick<Schema, K>> = {};
  for (const name of names) if (schema[name] !== undefined) found[name] = schema[name];
  return found;
}

function without<K extends keyof Schema>(schema: Schema, name: K): Omit<Schema, K> {
  const { [name]: _, ...rest } = schema;
  return rest;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null;
}
