/** Searches to start from. */

import { newRow, type Row } from './dimensions';

export type Algorithm = 'optuna' | 'random' | 'grid';

export interface SearchPreset {
  id: string;
  title: string;
  description: string;
  rows: readonly Row[];
  algorithm: Algorithm;
  trials: string;
}

const RATE = 'optimizer.learning_rate';
const RANGE = { path: RATE, type: 'loguniform', low: '1e-4', high: '1e-2' } as const;

export const SEARCHES: readonly [SearchPreset, ...SearchPreset[]] = [
  {
    id: 'rate',
    title: 'Learning rate',
    description: 'The setting that decides most. 8 trials between 1e-4 and 1e-2.',
    rows: [newRow(0, RANGE)],
    algorithm: 'optuna',
    trials: '8',
  },
  {
    id: 'rate-rank',
    title: 'Learning rate and rank',
    description: 'How fast it learns, and how many weights it trains. 12 trials.',
    rows: [newRow(0, RANGE), newRow(1, { path: 'method.rank', values: '4, 8, 16, 32' })],
    algorithm: 'optuna',
    trials: '12',
  },
  {
    id: 'grid',
    title: 'Small grid',
    description: 'Three rates with two ranks: all 6 combinations, easy to read.',
    rows: [
      newRow(0, { path: RATE, values: '3e-4, 1e-3, 3e-3' }),
      newRow(1, { path: 'method.rank', values: '8, 16' }),
    ],
    algorithm: 'grid',
    trials: '6',
  },
];
