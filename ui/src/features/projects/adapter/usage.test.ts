import { expect, it } from 'vitest';
import { codeOf, partsOf, shellWord, transcribeCommands } from './usage';

it('takes the code of a card', () => {
  expect(codeOf('# A\n\n```bash\nlim\n```\n\n```python\nimport peft\n\nx = 1\n```\n')).toBe(
    'import peft\n\nx = 1',
  );
  expect(codeOf('# A card without code')).toBeNull();
});

it('quotes names for a shell', () => {
  expect(shellWord('digits')).toBe('digits');
  expect(shellWord("the clinic's $(rm)")).toBe("'the clinic'\\''s $(rm)'");
  expect(transcribeCommands('clinic dictation', 2)).toContain(
    "download 'clinic dictation' adapter --version 2",
  );
});

it('groups differences by what they are about', () => {
  const parts = partsOf([
    { path: 'config.method.rank', a: 4, b: 8 },
    { path: 'result.tuned.wer', a: 0.08, b: 0.1 },
    { path: 'config_sha256', a: 'f'.repeat(64), b: null },
  ]);
  expect(parts.map(({ title }) => title)).toEqual(['Figures', 'Training settings', 'Code and files']);
  expect(parts[1]?.rows).toEqual([{ path: 'method.rank', a: '4', b: '8' }]);
  expect(parts[2]?.rows).toEqual([{ path: 'config_sha256', a: 'ffffffffffff', b: '–' }]);
});
