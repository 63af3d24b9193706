import { beforeAll, describe, expect, it } from 'vitest';
import { setRegistries } from '@/lib/registries';
import { REGISTRIES } from '@/lib/registries.test-data';
import { taskFor, whyNotDataset, whyNotModel } from './tasks';

beforeAll(() => setRegistries(REGISTRIES));

const speech = { name: 'speech', task: 'speech_to_text', status: 'ready', version: 1 } as const;
const captions = { name: 'clips', task: 'captioning', status: 'ready', version: 1 } as const;
const whisper = {
  title: 'Whisper',
  tasks: ['speech_to_text', 'audio_classification'],
  status: 'active',
} as const;
const clap = { title: 'CLAP', tasks: ['retrieval'], status: 'active' } as const;
const model = (value: typeof whisper | typeof clap) => ({ ...value, tasks: [...value.tasks] });

describe('what fits together', () => {
  it('takes the task of the dataset where the model does it', () => {
    expect(taskFor(speech, model(whisper))).toBe('speech_to_text');
    expect(taskFor(captions, model(clap))).toBe('retrieval');
    expect(taskFor(captions, model(whisper))).toBeNull();
    expect(taskFor(undefined, model(whisper))).toBe('speech_to_text');
  });

  it('says why something cannot be chosen', () => {
    expect(whyNotModel(model(clap), speech)).toBe('It does retrieval; the dataset is for speech to text.');
    expect(whyNotDataset(captions, model(whisper))).toBe(
      'It is for captioning; Whisper does speech to text and audio classification.',
    );
    expect(whyNotDataset({ ...speech, version: null, status: 'error' }, undefined)).toContain(
      'could not be read',
    );
    expect(whyNotDataset(speech, model(whisper))).toBeNull();
    expect(whyNotModel({ ...model(whisper), status: 'retired' }, undefined)).toContain('retired');
  });
});
