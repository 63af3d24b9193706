/**
 * Many files as one tar archive, without reading them: the archive is a Blob that refers to the files, so that a folder
 * of any size can be sent in parts, and sent on later. The same files always give the same bytes.
 *
 * Format: POSIX.1-2001 (ustar headers; paths that do not fit, and sizes from 8 GiB, in extended `x` headers).
 */

const BLOCK = 512;
const encoder = new TextEncoder();

export interface Packed {
  path: string;
  file: Blob;
}

/** Files in the order of their paths as a tar archive. */
export function packTar(files: readonly Packed[]): Blob {
  const parts: BlobPart[] = [];
  for (const { path, file } of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    for (const header of headersOf(path, file.size)) parts.push(header);
    parts.push(file);
    const rest = file.size % BLOCK;
    if (rest > 0) parts.push(new Uint8Array(BLOCK - rest));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts, { type: 'application/x-tar' });
}

const LARGEST = 8 ** 11 - 1;

function headersOf(path: string, size: number): Uint8Array<ArrayBuffer>[] {
  const name = encoder.encode(path);
  const isPlain = name.length <= 100 && name.length === path.length;
  if (isPlain && size <= LARGEST) return [header(name, size, '0')];
  const records: [string, string][] = [];
  if (!isPlain) records.push(['path', path]);
  if (size > LARGEST) records.push(['size', String(size)]);
  const extended = encoder.encode(records.map(([key, value]) => record(key, value)).join(''));
  const padded = new Uint8Array(Math.ceil(extended.length / BLOCK) * BLOCK);
  padded.set(extended);
  const short = encoder.encode(path.replace(/[^\x20-\x7e]/g, '_').slice(-100));
  return [
    header(encoder.encode('PaxHeader'), extended.length, 'x'),
    padded,
    header(short, Math.min(size, LARGEST), '0'),
  ];
}

/** `LENGTH key=value\n`, where LENGTH counts the whole record in bytes, itself included. */
function record(key: string, value: string): string {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
}

function header(name: Uint8Array, size: number, type: string): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const write = (offset: number, text: string) => block.set(encoder.encode(text), offset);
  block.set(name.subarray(0, 100), 0);
  write(100, '0000644\0');
  write(108, '0000000\0');
  write(116, '0000000\0');
  write(124, `${size.toString(8).padStart(11, '0')}\0`);
  // The files' times are left out: two copies of a folder give the same archive.
  write(136, '00000000000\0');
  write(148, '        ');
  write(156, type);
  write(257, 'ustar\x0000');
  const sum = block.reduce((total, byte) => total + byte, 0);
  write(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
}
