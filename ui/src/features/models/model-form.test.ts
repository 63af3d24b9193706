import { describe, expect, it } from 'vitest';
import { cardOf, type EMPTY_MODEL, idFor, modelSchema, patchOf, valuesOf } from './model-form';
import { modelIdOf, sourceWords } from './model-words';

const model = {
  id: 'whisper-base',
  family: 'whisper',
  title: 'Whisper base',
  source: 'openai/whisper-base',
  revision: 'e37978b90ca9030d5170a5c07aadb050351a65bb',
  parameters: 72593920,
  languages: ['multilingual'],
  licence: 'Apache-2.0',
  description: 'A model.',
  tasks: ['speech_to_text', 'audio_classification'],
  status: 'active',
  shipped: true,
  created_at: '',
  updated_at: '',
} as const;
const asOut = () => ({ ...model, languages: [...model.languages], tasks: [...model.tasks] });

describe("a model's form", () => {
  it('sends nothing for what was not changed', () => {
    expect(patchOf(valuesOf(asOut()), asOut())).toEqual({});
    expect(patchOf({ ...valuesOf(asOut()), languages: 'en, sw', licence: 'MIT' }, asOut())).toEqual({
      languages: ['en', 'sw'],
      licence: 'MIT',
    });
  });

  it('writes a source with its kind, and a revision only for the hub', () => {
    const values = { ...valuesOf(asOut()), sourceKind: 's3' as const, source: 'models/mine' };
    expect(cardOf(values)).toMatchObject({ source: 's3://models/mine', revision: null });
    expect(cardOf({ ...values, source: 's3://models/mine' }).source).toBe('s3://models/mine');
    expect(cardOf({ ...values, sourceKind: 'bundled', source: 'whisper-pico' }).source).toBe(
      'bundled:whisper-pico',
    );
    expect(cardOf({ ...values, parameters: '72,593,920' }).parameters).toBe(72593920);
  });

  it('wants a hub model pinned to a commit', () => {
    const faults = (values: Partial<typeof EMPTY_MODEL>) =>
      modelSchema
        .safeParse({ ...valuesOf(asOut()), ...values })
        .error?.issues.map((issue) => issue.path[0]) ?? [];
    expect(faults({})).toEqual([]);
    expect(faults({ revision: 'main' })).toEqual(['revision']);
    expect(faults({ sourceKind: 's3', source: 'b/p', revision: '' })).toEqual([]);
    expect(faults({ id: 'Bad Id', tasks: [] })).toEqual(['id', 'tasks']);
  });

  it('offers an id', () => {
    expect(idFor('Whisper Base (v2)')).toBe('whisper-base-v2');
    expect(idFor('  Émile 3.5')).toBe('emile-3.5');
  });
});

describe("a model's address and words", () => {
  it('reads the id, which is a name', () => {
    expect(modelIdOf('/models/whisper-base')).toBe('whisper-base');
    expect(modelIdOf('/models')).toBe('');
  });

  it('says where weights come from', () => {
    expect(sourceWords(asOut())).toBe('Hugging Face hub, commit e37978b9');
    expect(sourceWords({ source: 'bundled:x', revision: null })).toBe('Comes with the software');
  });
});
