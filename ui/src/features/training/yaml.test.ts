import { describe, expect, it } from 'vitest';
import { documentedTraining } from './schema-form/document.test-data';
import type { JsonObject } from './schema-form/json';
import { formOf } from './schema-form/node';
import { overlay, withChange } from './schema-form/values';
import { formatConfig, onlyChanges, parseConfig } from './yaml';

const form = formOf(documentedTraining());
const defaults = form.root.fallback as JsonObject;
const set = (changes: [string, unknown][]) =>
  changes.reduce(
    (value, [path, to]) => withChange(form.root, value, path, to as never) as JsonObject,
    defaults,
  );

describe('config files', () => {
  it('come back as they were written', async () => {
    const config = set([
      ['method.type', 'temporal'],
      ['method.rank', 4],
      ['optimizer.learning_rate', 1e-4],
      ['augmentation.speed_factor', [0.8, 1.25]],
      ['max_steps', 20],
    ]);
    const text = await formatConfig(form, config, false);
    const parsed = await parseConfig(text);
    expect(overlay(form.root, defaults, parsed.config)).toEqual(config);
    const whole = await parseConfig(await formatConfig(form, config, true));
    expect(whole.config).toEqual(config);
  });

  it('name the type of each branch, without which the platform does not read it', () => {
    expect(onlyChanges(form, set([['method.rank', 4]]))).toEqual({ method: { type: 'qlora', rank: 4 } });
    expect(onlyChanges(form, defaults)).toEqual({});
  });

  it('may be those of a run', async () => {
    const parsed = await parseConfig('name: mine\nmodel: whisper-pico\ntraining:\n  max_steps: 5\n');
    expect(parsed).toEqual({ config: { max_steps: 5 }, isRun: true });
  });

  it('are refused with the line of the fault', async () => {
    await expect(parseConfig('max_steps: 5\nmethod: {rank: 4\n')).rejects.toMatchObject({
      line: expect.any(Number),
    });
    await expect(parseConfig('seed: 1\nseed: 2')).rejects.toThrow(/unique/i);
    await expect(parseConfig('- 1\n- 2')).rejects.toThrow('no settings');
    await expect(parseConfig('')).rejects.toThrow('no settings');
  });

  it('do not blow up by aliases', async () => {
    const bomb = ['a: &a [1,1,1,1,1,1,1,1,1]', 'b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]']
      .concat(['c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]', 'd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]'])
      .join('\n');
    await expect(parseConfig(bomb)).rejects.toThrow();
  });
});
