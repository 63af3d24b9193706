/** The fields of a training that a sweep can search, and values to begin with. */

import { formatExact } from '@/features/training/schema-form/describe';
import { getAt, type Json, type JsonObject } from '@/features/training/schema-form/json';
import type { Form, Node } from '@/features/training/schema-form/node';
import { rowsOf } from '@/features/training/schema-form/rows';
import type { Level } from '@/features/training/schema-form/schema';
import type { Row } from './dimensions';

export interface SearchField {
  path: string;
  /** Titles from the outside to the field: Optimizer › Learning rate. */
  label: string;
  node: Node;
  /** Its value in the settings that all trials share. */
  value: Json | undefined;
}

/** Fields that stay the same in all trials, because these could not be compared otherwise. */
const FIXED = new Set(['task', 'split', 'seed', 'evaluation']);
/** Fields that say what a run writes, not what it learns. */
const WITHOUT_EFFECT = new Set(['checkpoint', 'log_every_steps']);
const SEARCHABLE = new Set(['number', 'switch', 'choice']);
const RANK: Record<Level, number> = { basic: 0, advanced: 1, expert: 2 };

/** The fields that hold one value, basic ones first. Those of other choices (another optimizer) are not among them. */
export function searchFields(form: Form, config: JsonObject): SearchField[] {
  if (form.root.shape.kind !== 'object') return [];
  return form.root.shape.fields
    .filter((field) => !FIXED.has(field.name) && !WITHOUT_EFFECT.has(field.name))
    .flatMap((field) => rowsOf(field, config[field.name], field.name))
    .filter((row) => row.kind === 'field' && SEARCHABLE.has(row.node.shape.kind))
    .sort((a, b) => RANK[a.level] - RANK[b.level])
    .map((row) => ({
      path: row.path,
      label: row.trail.join(' › '),
      node: row.node,
      value: getAt(config, row.path),
    }));
}

/** Values around the present one: what somebody would probably try first. */
export function suggested({ node, value }: SearchField): Partial<Row> {
  const { shape } = node;
  if (shape.kind === 'switch') return { type: 'choice', values: 'true, false' };
  if (shape.kind === 'choice') return { type: 'choice', values: shape.options.join(', ') };
  if (shape.kind !== 'number') return { type: 'choice', values: '' };
  const isAllowed = (number: number) =>
    number >= (shape.minimum ?? Number.NEGATIVE_INFINITY) &&
    number > (shape.exclusiveMinimum ?? Number.NEGATIVE_INFINITY) &&
    number <= (shape.maximum ?? Number.POSITIVE_INFINITY) &&
    number < (shape.exclusiveMaximum ?? Number.POSITIVE_INFINITY);
  const own = typeof value === 'number' ? value : 0;
  const list = (numbers: readonly number[]): Partial<Row> => ({
    type: 'choice',
    values: [...new Set(numbers)].filter(isAllowed).map(exact).join(', '),
  });
  if (shape.isInteger) {
    return own > 0 ? list([Math.floor(own / 2), own, own * 2]) : list([0, 1, 10, 100]);
  }
  if (own > 0 && own <= 0.01 && isAllowed(own / 10) && isAllowed(own * 10)) {
    return { type: 'loguniform', low: exact(own / 10), high: exact(own * 10) };
  }
  if (own > 0) return list([own / 2, own, own * 2]);
  return list([0, 0.05, 0.1, 0.2, 1]);
}

/** A number without the last digits of a division: 0.0001 of 0.001 / 10. */
const exact = (value: number) => formatExact(Number(value.toPrecision(6)));
