import { expect, it } from 'vitest';
import { combinationsOf, dimensionsOf, faultsOfRows, newRow, placeOf, valuesIn } from './dimensions';

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
  expect([...faultsOfRows(rows).keys()]).toEqual(['2.path', '3.path']);
});
