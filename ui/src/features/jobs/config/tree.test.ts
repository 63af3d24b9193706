import { describe, expect, it } from 'vitest';
import { differencesFrom, leavesOf } from './tree';

const schema = {
  properties: {
    seed: { default: 0, type: 'integer' },
    max_steps: { default: null, anyOf: [{ type: 'integer' }, { type: 'null' }] },
    batch: { $ref: '#/$defs/Batch', default: { cost: 60, max_examples: 16 } },
    method: {
      default: { type: 'qlora', rank: 8, allocation: { type: 'uniform' } },
      discriminator: {
        propertyName: 'type',
        mapping: { qlora: '#/$defs/Qlora', temporal: '#/$defs/Temporal' },
      },
      oneOf: [{ $ref: '#/$defs/Qlora' }, { $ref: '#/$defs/Temporal' }],
    },
  },
  $defs: {
    Batch: { properties: { cost: { default: 60 }, max_examples: { default: 16 } } },
    Qlora: {
      properties: {
        type: { const: 'qlora', default: 'qlora' },
        rank: { default: 8 },
        allocation: { default: { type: 'uniform' } },
      },
    },
    Temporal: {
      properties: {
        type: { const: 'temporal', default: 'temporal' },
        rank: { default: 8 },
        gate: { default: 'speech' },
      },
    },
  },
};

describe('a config against its defaults', () => {
  it('lists only what was changed, with the usual value', () => {
    const config = {
      seed: 0,
      max_steps: 60,
      batch: { cost: 24, max_examples: 16 },
      method: { type: 'qlora', rank: 16, allocation: { type: 'uniform' } },
    };
    expect(differencesFrom(schema, config)).toEqual([
      { path: 'max_steps', value: 60, usual: null },
      { path: 'batch.cost', value: 24, usual: 60 },
      { path: 'method.rank', value: 16, usual: 8 },
    ]);
  });

  it('compares another choice with its own defaults', () => {
    const config = {
      seed: 0,
      max_steps: null,
      batch: { cost: 60, max_examples: 16 },
      method: { type: 'temporal', rank: 4, gate: 'speech' },
    };
    expect(differencesFrom(schema, config).map(({ path }) => path)).toEqual(['method.rank']);
  });

  it('is empty for the defaults', () => {
    const config = {
      seed: 0,
      max_steps: null,
      batch: { cost: 60, max_examples: 16 },
      method: { type: 'qlora', rank: 8, allocation: { type: 'uniform' } },
    };
    expect(differencesFrom(schema, config)).toEqual([]);
  });
});

describe('leaves', () => {
  it('keep their order, and lists whole', () => {
    expect(leavesOf({ a: { b: [1, 2], c: {} }, d: null })).toEqual([
      ['a.b', [1, 2]],
      ['a.c', {}],
      ['d', null],
    ]);
  });
});
