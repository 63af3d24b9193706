import { describe, expect, it } from 'vitest';
import { canOpen, configPath, firstOpen, stepOf } from './steps';

describe('the steps', () => {
  it('start with what has to be chosen', () => {
    expect(firstOpen({ dataset: false, model: true, parameters: true })).toBe('dataset');
    expect(firstOpen({ dataset: true, model: false, parameters: true })).toBe('model');
    expect(firstOpen({ dataset: true, model: true, parameters: true })).toBe('parameters');
    expect(canOpen('review', { dataset: true, model: true, parameters: false })).toBe(false);
    expect(canOpen('model', { dataset: true, model: false, parameters: false })).toBe(true);
  });

  it('leads each fault to its step', () => {
    expect(
      ['dataset_id', 'dataset_version', 'model_id', 'config.task.type', 'config.method.rank', 'config'].map(
        stepOf,
      ),
    ).toEqual(['dataset', 'dataset', 'model', 'model', 'parameters', 'parameters']);
    expect(['name', 'resources.num_workers', 'budget.cost', 'project_id'].map(stepOf)).toEqual(
      Array(4).fill('review'),
    );
    expect(configPath('config.batch.cost')).toBe('batch.cost');
    expect(configPath('name')).toBeNull();
  });
});
