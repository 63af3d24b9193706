import { describe, expect, it } from 'vitest';
import { blocksOf, inlinesOf } from './markdown-blocks';

describe('a model card', () => {
  it('falls into its blocks', () => {
    const card = [
      '---',
      'library_name: peft',
      '---',
      '',
      '# Adapter for whisper-pico',
      '',
      '| | |',
      '| --- | --- |',
      '| method | qlora |',
      '',
      '## Use',
      'Two lines',
      'of one paragraph.',
      '- one',
      '- two',
      '```bash',
      'lim transcribe # not a heading',
      '```',
    ].join('\n');
    expect(blocksOf(card)).toEqual([
      { type: 'facts', pairs: [['library name', 'peft']] },
      { type: 'heading', level: 1, text: 'Adapter for whisper-pico' },
      { type: 'table', head: ['', ''], rows: [['method', 'qlora']] },
      { type: 'heading', level: 2, text: 'Use' },
      { type: 'paragraph', text: 'Two lines of one paragraph.' },
      { type: 'list', items: ['one', 'two'] },
      { type: 'code', language: 'bash', text: 'lim transcribe # not a heading' },
    ]);
  });

  it('keeps HTML and strange links as text', () => {
    expect(inlinesOf('<script>x</script> [a](javascript:alert(1))')).toEqual([
      { type: 'text', text: '<script>x</script> [a](javascript:alert(1))' },
    ]);
    expect(inlinesOf('see `code` and **bold** at [here](https://x.test/)').map((part) => part.type)).toEqual([
      'text',
      'code',
      'text',
      'bold',
      'text',
      'link',
    ]);
  });

  it('ends with a code block that is not closed', () => {
    expect(blocksOf('```\nopen')).toEqual([{ type: 'code', language: '', text: 'open' }]);
  });
});
