/** The parts of a Markdown text, as far as model cards use it. */

export type Block =
  | { type: 'facts'; pairs: [string, string][] }
  | { type: 'heading'; level: number; text: string }
  | { type: 'code'; language: string; text: string }
  | { type: 'list'; items: string[] }
  | { type: 'table'; head: string[]; rows: string[][] }
  | { type: 'paragraph'; text: string };

export type Inline =
  | { type: 'text' | 'code' | 'bold'; text: string }
  | { type: 'link'; text: string; href: string };

export function blocksOf(text: string): Block[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const blocks: Block[] = [];
  let at = 0;
  if (lines[0] === '---') {
    const end = lines.indexOf('---', 1);
    if (end > 0) {
      const pairs = lines.slice(1, end).flatMap((line): [string, string][] => {
        const found = /^([A-Za-z_]+): *(.+)$/.exec(line);
        return found ? [[(found[1] ?? '').replaceAll('_', ' '), found[2] ?? '']] : [];
      });
      if (pairs.length > 0) blocks.push({ type: 'facts', pairs });
      at = end + 1;
    }
  }
  const take = (test: (line: string) => boolean): string[] => {
    const from = at;
    while (at < lines.length && test(lines[at] ?? '')) at += 1;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at] ?? '';
    const heading = /^(#{1,6}) +(.*)$/.exec(line);
    if (line.trim() === '') at += 1;
    else if (heading) {
      blocks.push({ type: 'heading', level: heading[1]?.length ?? 1, text: heading[2] ?? '' });
      at += 1;
    } else if (line.startsWith('```')) {
      at += 1;
      const code = take((one) => !one.startsWith('```'));
      at += 1;
      blocks.push({ type: 'code', language: line.slice(3).trim(), text: code.join('\n') });
    } else if (line.startsWith('|')) {
      const rows = take((one) => one.startsWith('|')).map(cellsOf);
      const isHeaded = rows[1]?.every((cell) => /^:?-{2,}:?$/.test(cell)) ?? false;
      blocks.push({
        type: 'table',
        head: isHeaded ? (rows[0] ?? []) : [],
        rows: isHeaded ? rows.slice(2) : rows,
      });
    } else if (isItem(line)) {
      blocks.push({ type: 'list', items: take(isItem).map((one) => one.replace(/^\s*[-*] +/, '')) });
    } else {
      const paragraph = take((one) => one.trim() !== '' && !/^(#{1,6} |```|\|)/.test(one) && !isItem(one));
      blocks.push({ type: 'paragraph', text: paragraph.join(' ') });
    }
  }
  return blocks;
}

function isItem(line: string): boolean {
  return /^\s*[-*] +/.test(line);
}

function cellsOf(line: string): string[] {
  return line
    .replace(/^\||\|\s*$/g, '')
    .split('|')
    .map((cell) => cell.trim());
}

/** Text with code spans, bold and links; only web addresses become links. */
export function inlinesOf(text: string): Inline[] {
  const parts: Inline[] = [];
  let rest = 0;
  for (const found of text.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/g)) {
    if (found.index > rest) parts.push({ type: 'text', text: text.slice(rest, found.index) });
    const [whole, code, bold, label, href] = found;
    if (code !== undefined) parts.push({ type: 'code', text: code });
    else if (bold !== undefined) parts.push({ type: 'bold', text: bold });
    else parts.push({ type: 'link', text: label ?? whole, href: href ?? '' });
    rest = found.index + whole.length;
  }
  if (rest < text.length) parts.push({ type: 'text', text: text.slice(rest) });
  return parts;
}
