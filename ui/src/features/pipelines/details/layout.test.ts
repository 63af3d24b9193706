import { expect, it } from 'vitest';
import { drawingOf, layoutOf } from './layout';

const stage = (name: string, ...needs: string[]) => ({ name, needs });
const FORK = [
  stage('ingest'),
  stage('small', 'ingest'),
  stage('large', 'ingest'),
  stage('compare', 'small', 'large', 'ingest'),
];

it('puts a stage after everything that it needs', () => {
  const { places, layers, rows } = layoutOf(FORK);
  expect([...places.values()].map(({ name, layer, row }) => [name, layer, row])).toEqual([
    ['ingest', 0, 0],
    ['small', 1, 0],
    ['large', 1, 1],
    ['compare', 2, 0],
  ]);
  expect([layers, rows]).toEqual([3, 2]);
});

it('does not hang on needs that lead in a circle or nowhere', () => {
  expect(layoutOf([stage('a', 'b'), stage('b', 'a'), stage('c', 'none')]).places.size).toBe(3);
});

it('goes from left to right where there is room, and down where there is not', () => {
  const wide = drawingOf(layoutOf(FORK), 900);
  expect(wide.isVertical).toBe(false);
  expect(wide.boxes.get('compare')?.x).toBeGreaterThan(wide.boxes.get('small')?.x ?? 0);
  expect(wide.boxes.get('small')?.x).toBe(wide.boxes.get('large')?.x);

  const narrow = drawingOf(layoutOf(FORK), 296);
  expect(narrow.isVertical).toBe(true);
  expect(narrow.width).toBeLessThanOrEqual(296);
  expect(narrow.boxes.get('compare')?.y).toBeGreaterThan(narrow.boxes.get('small')?.y ?? 0);
  expect(narrow.boxes.get('small')?.y).toBe(narrow.boxes.get('large')?.y);
});
