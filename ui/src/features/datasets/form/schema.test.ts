import { describe, expect, it } from 'vitest';
import type { JsonSchema } from '../api';
import { optionFaults, optionFields, optionValues } from './schema';

const SCHEMA: JsonSchema = {
  properties: {
    limits: { $ref: '#/$defs/ItemLimits' },
    split: { anyOf: [{ $ref: '#/$defs/DivisionConfig' }, { type: 'null' }], default: null },
  },
  $defs: {
    ItemLimits: {
      type: 'object',
      properties: {
        max_item_s: {
          type: 'number',
          title: 'Max Item S',
          default: 30,
          exclusiveMinimum: 0,
          maximum: 3600,
          description: 'Longest recording,\nin seconds.',
        },
        min_item_s: {
          type: 'number',
          title: 'Shortest recording',
          default: 0.05,
          minimum: 0.01,
          maximum: 60,
        },
      },
    },
    DivisionConfig: {
      type: 'object',
      properties: {
        by: { type: 'string', enum: ['speaker', 'recording'], default: 'speaker' },
        seed: { type: 'integer', default: 0, minimum: 0 },
      },
    },
  },
};

describe('options from the schema', () => {
  const limits = optionFields(SCHEMA, 'limits');
  const split = optionFields(SCHEMA, 'split');

  it('names fields for people, with units, defaults and choices, through references and optional parts', () => {
    expect(limits.map(({ title, unit, fallback }) => [title, unit, fallback])).toEqual([
      ['Max item', 's', '30'],
      ['Shortest recording', 's', '0.05'],
    ]);
    expect(limits[0]?.description).toBe('Longest recording, in seconds.');
    expect(split.map(({ kind }) => kind)).toEqual(['choice', 'integer']);
  });

  it('says what is allowed', () => {
    expect(optionFaults(limits, { max_item_s: '4000', min_item_s: '' })).toEqual({
      max_item_s: 'Give a number above 0 up to 3600.',
    });
    expect(optionFaults(limits, { max_item_s: 'long' })).toEqual({
      max_item_s: 'Give a number, such as 30.',
    });
    expect(optionFaults(split, { seed: '1.5' })).toEqual({ seed: 'Give a whole number.' });
  });

  it('sends only what was changed', () => {
    expect(optionValues(limits, { max_item_s: '30', min_item_s: '' })).toBeNull();
    expect(optionValues(limits, { max_item_s: '12,5' })).toEqual({ max_item_s: 12.5 });
    expect(optionValues(limits, { max_item_s: '30' }, { max_item_s: 20 })).toEqual({ max_item_s: 30 });
  });
});
