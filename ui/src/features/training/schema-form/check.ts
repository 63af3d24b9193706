/** What can be said about a value before the platform is asked. The platform checks again, and how fields agree. */

import { formatCount } from '@/lib/format';
import { isObject, type Json, joinPath } from './json';
import { branchOf, fieldsOf, type Node, type Shape } from './node';

export interface Fault {
  path: string;
  message: string;
}

/** All faults of a value, by path. */
export function faultsOf(node: Node, value: Json | undefined, path = ''): Fault[] {
  if (value === null && node.isNullable) return [];
  const { shape } = node;
  const fault = (message: string): Fault[] => [{ path, message }];
  switch (shape.kind) {
    case 'object':
      if (!isObject(value)) return fault(`Found ${shown(value)}; give fields: ${names(shape.fields)}.`);
      return inside(node, value, path);
    case 'union': {
      if (!isObject(value)) return fault(`Found ${shown(value)}; give fields, with ${shape.tag}.`);
      const allowed = shape.branches.map((branch) => branch.value).join(', ');
      if (!branchOf(node, value)) {
        return [
          {
            path: joinPath(path, shape.tag),
            message: `Found ${shown(value[shape.tag])}; allowed: ${allowed}.`,
          },
        ];
      }
      return inside(node, value, path, shape.tag);
    }
    case 'number':
      return numberFaults(shape, value).flatMap(fault);
    case 'text':
      return textFaults(shape, value).flatMap(fault);
    case 'switch':
      return typeof value === 'boolean' ? [] : fault(`Found ${shown(value)}; give true or false.`);
    case 'choice':
      return shape.options.includes(String(value))
        ? []
        : fault(`Found ${shown(value)}; allowed: ${shape.options.join(', ')}.`);
    case 'constant':
      return value === shape.value
        ? []
        : fault(`Found ${shown(value)}; only ${shown(shape.value)} is allowed.`);
    case 'set': {
      if (!Array.isArray(value)) return fault(`Found ${shown(value)}; give a list.`);
      const unknown = value.filter((item) => !shape.options.includes(String(item)));
      if (unknown.length > 0)
        return fault(`Found ${shown(unknown[0])}; allowed: ${shape.options.join(', ')}.`);
      return countFaults(shape, value.length, 'choose').flatMap(fault);
    }
    case 'list':
      if (!Array.isArray(value)) return fault(`Found ${shown(value)}; give a list.`);
      return [
        ...countFaults(shape, value.length, 'give').flatMap(fault),
        ...value.flatMap((item, index) => faultsOf(shape.item, item, joinPath(path, index))),
      ];
    case 'tuple':
      if (!Array.isArray(value) || value.length !== shape.items.length) {
        return fault(`Found ${shown(value)}; give ${shape.items.length} values.`);
      }
      return shape.items.flatMap((item, index) => faultsOf(item, value[index], joinPath(path, index)));
    case 'map':
      if (!isObject(value)) return fault(`Found ${shown(value)}; give names and values.`);
      return [
        ...Object.keys(value)
          .filter((key) => shape.keys !== null && !shape.keys.includes(key))
          .map((key) => ({
            path: joinPath(path, key),
            message: `No such name; allowed: ${shape.keys?.join(', ')}.`,
          })),
        ...countFaults(
          { minItems: shape.minProperties, maxItems: shape.maxProperties },
          Object.keys(value).length,
          'give',
        ).flatMap(fault),
        ...Object.entries(value).flatMap(([key, item]) => faultsOf(shape.value, item, joinPath(path, key))),
      ];
    case 'either':
      return value === shape.word ? [] : faultsOf(shape.other, value, path);
    case 'other':
      return [];
  }
}

function inside(node: Node, value: { [key: string]: Json }, path: string, tag?: string): Fault[] {
  const fields = fieldsOf(node, value);
  const known = new Set(fields.map((field) => field.name));
  return [
    ...Object.keys(value)
      .filter((key) => key !== tag && !known.has(key))
      .map((key) => ({ path: joinPath(path, key), message: `No such field; there are ${names(fields)}.` })),
    ...fields.flatMap((field) =>
      value[field.name] === undefined && !field.isRequired
        ? []
        : faultsOf(field, value[field.name], joinPath(path, field.name)),
    ),
  ];
}

function numberFaults(shape: Extract<Shape, { kind: 'number' }>, value: Json | undefined): string[] {
  if (value === null || value === undefined || value === '') return ['Enter a number.'];
  if (typeof value !== 'number' || !Number.isFinite(value)) return [`Found ${shown(value)}; enter a number.`];
  if (shape.isInteger && !Number.isInteger(value)) return [`Found ${value}; enter a whole number.`];
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = shape;
  if (minimum !== undefined && value < minimum) return [`Enter at least ${limit(minimum)}.`];
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) {
    return [`Enter more than ${limit(exclusiveMinimum)}.`];
  }
  if (maximum !== undefined && value > maximum) return [`Enter at most ${limit(maximum)}.`];
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) {
    return [`Enter less than ${limit(exclusiveMaximum)}.`];
  }
  return [];
}

function textFaults(shape: Extract<Shape, { kind: 'text' }>, value: Json | undefined): string[] {
  if (typeof value !== 'string') return [`Found ${shown(value)}; enter a text.`];
  if (shape.minLength !== undefined && value.length < shape.minLength) {
    return [
      shape.minLength === 1 ? 'Enter a text.' : `Enter at least ${formatCount(shape.minLength)} characters.`,
    ];
  }
  if (shape.maxLength !== undefined && value.length > shape.maxLength) {
    return [
      `Enter at most ${formatCount(shape.maxLength)} characters; these are ${formatCount(value.length)}.`,
    ];
  }
  if (shape.pattern !== undefined && !new RegExp(shape.pattern, 'u').test(value)) {
    return ['The text does not have the form that the description asks for.'];
  }
  return [];
}

function countFaults(
  {
    minItems = 0,
    maxItems = Number.POSITIVE_INFINITY,
  }: { minItems?: number | undefined; maxItems?: number | undefined },
  count: number,
  verb: string,
): string[] {
  const word = verb === 'choose' ? 'Choose' : 'Give';
  if (count < minItems) return [`${word} at least ${formatCount(minItems)}.`];
  if (count > maxItems) return [`${word} at most ${formatCount(maxItems)}; these are ${formatCount(count)}.`];
  return [];
}

const names = (fields: readonly Node[]) => fields.map((field) => field.name).join(', ');
const limit = (value: number) => (Math.abs(value) >= 1000 ? formatCount(value) : String(value));

function shown(value: Json | undefined): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
