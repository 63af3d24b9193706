import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packTar } from './tar';

const files = {
  'a.txt': 'hello',
  'leer/null.bin': '',
  'größe/日本語.txt': 'unicode',
  [`${'deep/'.repeat(40)}end.txt`]: 'x'.repeat(1500),
};
const packed = () => Object.entries(files).map(([path, text]) => ({ path, file: new Blob([text]) }));

describe('packTar', () => {
  it('is read by tar, with long names and names of other scripts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tar-'));
    try {
      writeFileSync(join(folder, 'all.tar'), Buffer.from(await packTar(packed()).arrayBuffer()));
      execFileSync('tar', ['-xf', 'all.tar'], { cwd: folder });
      for (const [path, text] of Object.entries(files)) {
        expect(readFileSync(join(folder, path), 'utf8')).toBe(text);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('gives the same bytes for the same files in another order, so that an upload can go on later', async () => {
    const one = Buffer.from(await packTar(packed()).arrayBuffer());
    const other = Buffer.from(await packTar(packed().reverse()).arrayBuffer());
    expect(one.equals(other)).toBe(true);
  });
});
