/** Configs as flat paths, and against their defaults. */

import { type Fields, fieldsOf } from '../model/job';

export type Leaf = string | number | boolean | null | unknown[];

/** Every leaf of a config by its dotted path, in its order. Lists and empty objects are leaves. */
export function leavesOf(value: unknown, path = ''): [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0) {
    return Object.entries(value).flatMap(([name, below]) =>
      leavesOf(below, path === '' ? name : `${path}.${name}`),
    );
  }
  return path === '' ? [] : [[path, value]];
}

export function sameValue(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** A leaf in one line. */
export function shownLeaf(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.length === 0 ? '(none)' : value.map(shownLeaf).join(', ');
  return JSON.stringify(value);
}

export interface Difference {
  path: string;
  value: unknown;
  usual: unknown;
}

type Schema = Fields;

/** The leaves of a config that differ from the defaults of its schema, for the choices (`type`) that it made. */
export function differencesFrom(schema: Schema, config: Fields): Difference[] {
  const usual = new Map(leavesOf(defaultsFor(schema, schema, config)));
  return leavesOf(config)
    .filter(([path, value]) => !(usual.has(path) && sameValue(usual.get(path), value)))
    .filter(([, value]) => value !== null)
    .map(([path, value]) => ({ path, value, usual: usual.get(path) ?? null }));
}

/** The default of everything that a config has, with the defaults of the branch that it chose where there is a choice. */
export function defaultsFor(root: Schema, node: Schema, config: Fields): Fields {
  const properties = fieldsOf(node.properties);
  return Object.fromEntries(
    Object.entries(properties).map(([name, raw]) => {
      const property = fieldsOf(raw);
      const given = config[name];
      const branch = branchOf(root, property, given);
      const chosenByDefault = fieldsOf(property.default).type;
      const isOwnDefault =
        property.default !== undefined &&
        (typeof given !== 'object' || given === null || chosenByDefault === fieldsOf(given).type);
      if (isOwnDefault && branch === null) return [name, property.default];
      if (branch !== null) {
        const below = defaultsFor(root, branch, fieldsOf(given));
        return [name, isOwnDefault ? { ...below, ...fieldsOf(property.default) } : below];
      }
      return [name, property.default ?? null];
    }),
  );
}

/** The object schema that a value is made by: a reference, or the branch of a choice by its `type`. */
function branchOf(root: Schema, property: Schema, value: unknown): Schema | null {
  if (typeof property.$ref === 'string') return resolved(root, property.$ref);
  const mapping = fieldsOf(fieldsOf(property.discriminator).mapping);
  const reference = mapping[String(fieldsOf(value).type)];
  if (typeof reference === 'string') return resolved(root, reference);
  const options = [...asList(property.anyOf), ...asList(property.allOf), ...asList(property.oneOf)];
  if (typeof value !== 'object' || value === null) return null;
  for (const option of options) {
    const found = branchOf(root, fieldsOf(option), value);
    if (found) return found;
  }
  return null;
}

function resolved(root: Schema, reference: string): Schema {
  return fieldsOf(fieldsOf(root.$defs)[reference.replace('#/$defs/', '')]);
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
