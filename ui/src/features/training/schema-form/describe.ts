/** Values and descriptions in words. */

import { formatNumber } from '@/lib/format';
import { isObject, type Json } from './json';
import { branchOf, type Node } from './node';

/** A value as the form shows it: On, Off, Not set, 1e-4, QLoRA. */
export function formatValue(node: Node, value: Json | undefined): string {
  if (value === null || value === undefined) return 'Not set';
  const branch = branchOf(node, value);
  if (branch) return branch.title;
  if (typeof value === 'boolean') return value ? 'On' : 'Off';
  if (typeof value === 'number') return withUnit(formatExact(value), node.unit);
  if (Array.isArray(value)) {
    if (value.length === 0) return 'None';
    const parts = value.map((item) => (typeof item === 'number' ? formatExact(item) : String(item)));
    return withUnit(parts.join(node.shape.kind === 'tuple' ? ' to ' : ', '), node.unit);
  }
  if (isObject(value)) {
    const entries = Object.entries(value);
    return entries.length === 0 ? 'None' : entries.map(([key, item]) => `${key}: ${String(item)}`).join(', ');
  }
  return withUnit(value, node.unit);
}

/** A number as one would type it. */
export function formatExact(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e15)
    ? value.toExponential().replace('e+', 'e')
    : String(value);
}

function withUnit(text: string, unit: string | null): string {
  return unit ? `${text} ${unit}` : text;
}

export interface Parts {
  /** What stands below the field. */
  lead: string;
  /** The rest, on demand. */
  rest: string;
  /** Sentences about what our own studies found; shown where the choice is made. */
  finding: string;
}

const SENTENCE = /(?<=[.!?])\s+(?=[A-Z`“(])/u;
const FINDING = /\bstud(y|ies)\b/i;

/** A description split by what the form does with it. */
export function partsOf(description: string): Parts {
  const sentences = description
    .split(/\n\s*\n/)
    .flatMap((paragraph) => paragraph.replaceAll('\n', ' ').trim().split(SENTENCE))
    .filter((sentence) => sentence !== '');
  const finding = sentences.filter((sentence) => FINDING.test(sentence)).join(' ');
  const [lead = '', ...rest] = sentences.filter((sentence) => !FINDING.test(sentence));
  return { lead, rest: rest.join(' '), finding };
}

/** A number for people where exactness does not matter. */
export const formatRough = (value: number) => formatNumber(value, 3);
