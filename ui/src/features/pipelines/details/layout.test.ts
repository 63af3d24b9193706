import { expect, it } from 'vitest';
import { layoutOf } from './layout';

const stage = (name: string, ...needs: string[]) => ({ name, needs });

it('puts a stage right of everything that it needs', () => {
  const { places, columns, rows } = layoutOf([
    stage('ingest'),
    stage('small', 'ingest'),
    stage('large', 'ingest'),
    stage('compare', 'small', 'large', 'ingest'),
  ]);
  expect([...places.values()].map(({ name, column, row }) => [name, column, row])).toEqual([
    ['ingest', 0, 0],
    ['small', 1, 0],
    ['large', 1, 1],
    ['compare', 2, 0],
  ]);
  expect([columns, rows]).toEqual([3, 2]);
});

it('does not hang on needs that lead in a circle or nowhere', () => {
  expect(layoutOf([stage('a', 'b'), stage('b', 'a'), stage('c', 'none')]).places.size).toBe(3);
});
