import { expect, it } from 'vitest';
import { documentedTraining } from '@/features/training/schema-form/document.test-data';
import type { JsonObject } from '@/features/training/schema-form/json';
import { formOf } from '@/features/training/schema-form/node';
import { combinationsOf, dimensionsOf, faultsOfRows, newRow, placeOf, valuesIn } from './dimensions';
import { searchFields, suggested } from './fields';

const FORM = formOf(documentedTraining());

it('reads lists of numbers, words and lists', () => {
  expect(valuesIn('4, 8,16 ,')).toEqual([4, 8, 16]);
  expect(valuesIn('cosine, true, [0.9, 0.98]')).toEqual(['cosine', true, [0.9, 0.98]]);
});

it('makes dimensions, and leaves wrong numbers to the platform', () => {
  const rows = [
    newRow(0, { path: 'optimizer.learning_rate', type: 'loguniform', low: '1e-4', high: 'x' }),
    newRow(1, { path: 'method.rank', values: '4, 8' }),
    newRow(2, { path: 'method.dropout', type: 'grid', low: '0', high: '0.2', points: '3' }),
  ];
  expect(dimensionsOf(rows)).toEqual({
    'optimizer.learning_rate': { type: 'loguniform', low: 0.0001, high: 'x', whole: false },
    'method.rank': { type: 'choice', values: [4, 8] },
    'method.dropout': { type: 'grid', low: 0, high: 0.2, points: 3, log: false, whole: false },
  });
  expect(combinationsOf(rows.slice(1))).toBe(6);
  expect(combinationsOf(rows)).toBeNull();
});

it('puts faults at the row that they are about', () => {
  const rows = [
    newRow(0, { path: 'method' }),
    newRow(1, { path: 'method.rank' }),
    newRow(2, { path: 'method.rank' }),
    newRow(3),
  ];
  expect(placeOf('search.dimensions.method.rank.values.0', rows)).toBe('1.values');
  expect(placeOf('search.dimensions.method.rank', rows)).toBe('1.path');
  expect(placeOf('config.max_steps', rows)).toBeNull();
  const fields = searchFields(FORM, FORM.root.fallback as JsonObject);
  expect([...faultsOfRows(rows, fields).keys()]).toEqual(['0.path', '1.values', '2.path', '3.path']);
});

it('checks values by the field that they are for', () => {
  const fields = searchFields(FORM, FORM.root.fallback as JsonObject);
  const rows = [
    newRow(0, { path: 'method.rank', values: '4, many' }),
    newRow(1, { path: 'optimizer.learning_rate', type: 'loguniform', low: '1e-2', high: '1e-3' }),
    newRow(2, { path: 'method.dropout', type: 'grid', low: '-1', high: '', points: '1' }),
  ];
  const faults = faultsOfRows(rows, fields);
  expect(faults.get('0.values')).toBe('"many": Found "many"; enter a number.');
  expect(faults.get('1.high')).toBe('Enter more than 1e-2.');
  expect([...faults.keys()].slice(2)).toEqual(['2.low', '2.high', '2.points']);
});

it('suggests values by the kind of the field', () => {
  const fields = searchFields(FORM, FORM.root.fallback as JsonObject);
  const of = (path: string) => {
    const field = fields.find((each) => each.path === path);
    return field && suggested(field);
  };
  expect(of('method.rank')).toEqual({ type: 'choice', values: '4, 8, 16' });
  expect(of('optimizer.learning_rate')).toMatchObject({ type: 'loguniform', low: '2e-4', high: '0.02' });
  expect(fields.some(({ path }) => /^(task|split|seed|evaluation)/.test(path))).toBe(false);
  // What it suggests is allowed.
  const rows = fields.map((field, key) => newRow(key, { path: field.path, ...suggested(field) }));
  expect([...faultsOfRows(rows, fields)]).toEqual([]);
});
