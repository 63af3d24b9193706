import { describe, expect, it } from 'vitest';
import { setAt } from './json';
import { fieldsOfGroup, formOf } from './node';
import { foundElsewhere, rowsOf, type View, visibleRows } from './rows';
import type { Schema } from './schema';
import { withChange } from './values';

const schema: Schema = {
  type: 'object',
  'x-groups': [
    { name: 'method', title: 'Method' },
    { name: 'data', title: 'Data' },
  ],
  properties: {
    optimizer: {
      'x-group': 'method',
      title: 'Optimizer',
      description: 'How weights move.',
      oneOf: [{ $ref: '#/$defs/Adam' }, { $ref: '#/$defs/Sgd' }],
      discriminator: { propertyName: 'type' },
    },
    noise: { 'x-group': 'data', 'x-level': 'advanced', $ref: '#/$defs/Noise' },
    stray: { type: 'boolean', default: false, title: 'Stray' },
  },
  $defs: {
    Adam: {
      type: 'object',
      title: 'Adam',
      properties: {
        type: { const: 'adam', default: 'adam' },
        rate: { type: 'number', default: 0.1, title: 'Learning rate' },
        eps: { type: 'number', default: 1e-8, title: 'Epsilon', 'x-level': 'expert' },
      },
    },
    Sgd: {
      type: 'object',
      title: 'SGD',
      properties: {
        type: { const: 'sgd', default: 'sgd' },
        momentum: { type: 'number', default: 0.9, title: 'Momentum' },
      },
    },
    Noise: {
      type: 'object',
      title: 'Noise',
      properties: {
        share: { type: 'number', default: 0, title: 'Share', description: 'Of noisy examples.' },
      },
    },
  },
};
const form = formOf(schema);
const value = form.root.fallback;
const rows = form.groups.flatMap((group) =>
  fieldsOfGroup(form, group).flatMap((field) => rowsOf(field, (value as never)[field.name], field.name)),
);
const view: View = { level: 'basic', query: '', onlyChanged: false, changed: new Set(), faulty: new Set() };
const paths = (changes: Partial<View>) =>
  visibleRows(rows, { ...view, ...changes }).shown.map((row) => row.path);

describe('the rows of a form', () => {
  it('show basic fields first, and count what else there is', () => {
    expect(paths({})).toEqual(['optimizer', 'optimizer.rate', 'stray']);
    expect(visibleRows(rows, view).hidden).toEqual({ basic: 0, advanced: 1, expert: 1 });
  });

  it('take the level of what a field belongs to', () => {
    expect(paths({ level: 'advanced' })).toEqual([
      'optimizer',
      'optimizer.rate',
      'noise',
      'noise.share',
      'stray',
    ]);
  });

  it('never hide a fault or a change', () => {
    expect(paths({ faulty: new Set(['optimizer.eps']) })).toContain('optimizer.eps');
    expect(paths({ changed: new Set(['noise.share']) })).toEqual([
      'optimizer',
      'optimizer.rate',
      'noise',
      'noise.share',
      'stray',
    ]);
    expect(paths({ onlyChanged: true, changed: new Set(['noise.share']) })).toEqual(['noise', 'noise.share']);
  });

  it('are found by title, description and path at any level', () => {
    expect(paths({ query: 'epsilon' })).toEqual(['optimizer', 'optimizer.eps']);
    expect(paths({ query: 'NOISY' })).toEqual(['noise', 'noise.share']);
    expect(paths({ query: 'optimizer rate' })).toEqual(['optimizer', 'optimizer.rate']);
  });

  it('are found in branches that are not chosen', () => {
    expect(foundElsewhere(rows, value, 'momentum')).toEqual([
      { path: 'optimizer', title: 'Optimizer', branch: 'sgd', branchTitle: 'SGD', field: 'Momentum' },
    ]);
    const sgd = withChange(form.root, value, 'optimizer.type', 'sgd');
    const now = rowsOf(form.root, sgd, '').slice(1);
    expect(now.map((row) => row.path)).toContain('optimizer.momentum');
    expect(setAt(sgd, 'optimizer.momentum', 0.5)).toMatchObject({ optimizer: { momentum: 0.5 } });
  });
});
