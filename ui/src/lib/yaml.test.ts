import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeYaml } from './yaml';

describe('YAML', () => {
  const value = {
    a: 'no',
    b: '1.0',
    c: 1e-8,
    d: 'x: y',
    e: [1, 'two'],
    f: {},
    g: null,
    h: { i: { j: true } },
    k: -2.5e21,
    l: '1e-8',
    m: '12:30',
  };

  it('is read back as the same value by readers of both versions', async () => {
    const text = await writeYaml(value);
    expect(parse(text)).toEqual(value);
    expect(parse(text, { version: '1.1' })).toEqual(value);
  });

  it('writes small numbers as every reader knows them', async () => {
    const text = await writeYaml(value);
    expect(text).toContain('c: 1.0e-8\n');
    expect(text).toContain('k: -2.5e+21\n');
  });
});
