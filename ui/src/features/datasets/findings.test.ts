import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FINDING_CODES, findingTitle, OVERRULABLE, sentence, TEXTLESS } from './findings';

const engine = (name: string) => readFileSync(join(process.cwd(), '..', 'engine', 'data', name), 'utf8');
const names = (text: string, start: string) => {
  const from = text.indexOf(start);
  const body = text.slice(text.indexOf('=', from), text.indexOf('\n]', from) + 1 || undefined);
  return [...body.matchAll(/"([a-z_]+)"/g)].map((match) => match[1] as string);
};
const tuple = (text: string, start: string) => {
  const from = text.indexOf(start);
  const body = text.slice(from, text.indexOf('\n)', from));
  return [...body.matchAll(/"([a-z_]+)"/g)].map((match) => match[1] as string);
};

describe('words of findings', () => {
  const report = engine('report.py');

  it('names every kind that the checks know', () => {
    const codes = ['Code = Literal', 'WarningCode = Literal', 'DatasetCode = Literal'].flatMap((start) =>
      names(report, `\n${start}`),
    );
    expect(codes.length).toBeGreaterThan(70);
    expect(codes.filter((code) => !FINDING_CODES.includes(code))).toEqual([]);
  });

  it('knows which of them a person may overrule, or end by writing the text', () => {
    expect([...OVERRULABLE].sort()).toEqual(tuple(engine('decisions.py'), 'OVERRULABLE:').sort());
    expect([...TEXTLESS].sort()).toEqual(tuple(report, 'TEXTLESS:').sort());
  });

  it('shows a kind that it does not know by its name', () => {
    expect(findingTitle('brand_new_code')).toBe('Brand new code');
  });

  it('makes sentences of what the platform says', () => {
    expect(sentence('nothing, if it was said twice')).toBe('Nothing, if it was said twice.');
    expect(sentence('Done.')).toBe('Done.');
    expect(sentence('')).toBe('');
  });
});
