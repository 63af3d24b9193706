// @vitest-environment node
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { ProblemError } from './errors.ts';
import type { UploadOut } from './generated/types.gen.ts';
import { uploadFile } from './uploads.ts';

let server: Server | undefined;
afterEach(() => server?.closeAllConnections());

async function store(answer: (part: string, tries: number) => number | 'break') {
  const kept = new Map<string, Buffer>();
  const tries = new Map<string, number>();
  const started = createServer((request, response) => {
    const part = request.url ?? '';
    tries.set(part, (tries.get(part) ?? 0) + 1);
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const status = answer(part, tries.get(part) ?? 0);
      if (status === 'break') return void response.destroy();
      if (status === 200) kept.set(part, Buffer.concat(chunks));
      response.writeHead(status).end();
    });
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(started.address() as AddressInfo).port}`, kept, tries };
}

const content = new Blob([new Uint8Array(25).map((_, index) => index)]);

function inParts(url: string): UploadOut {
  const parts = [0, 10, 20].map((start, index) => ({
    number: index + 1,
    start,
    size: Math.min(10, 25 - start),
    url: `${url}/${index + 1}`,
  }));
  return {
    name: 'a.zip',
    method: 'PUT',
    headers: {},
    expires_at: '2030-01-01T00:00:00Z',
    url: null,
    parts,
  } as UploadOut;
}

it('sends each part once, and again only what broke off', async () => {
  const { url, kept, tries } = await store((part, nth) => (part === '/2' && nth === 1 ? 'break' : 200));
  const told: number[] = [];
  const done: number[] = [];
  await uploadFile(inParts(url), content, {
    onProgress: ({ sentBytes }) => told.push(sentBytes),
    onPart: (part) => done.push(part),
  });
  expect(Buffer.concat(['/1', '/2', '/3'].map((part) => kept.get(part) ?? Buffer.alloc(0)))).toEqual(
    Buffer.from(await content.arrayBuffer()),
  );
  expect(Object.fromEntries(tries)).toEqual({ '/1': 1, '/2': 2, '/3': 1 });
  expect(told.at(-1)).toBe(25);
  expect(done.sort()).toEqual([1, 2, 3]);
});

it('skips what an earlier call has uploaded', async () => {
  const { url, tries } = await store(() => 200);
  const told: number[] = [];
  await uploadFile(inParts(url), content, {
    done: new Set([1, 3]),
    onProgress: ({ sentBytes }) => told.push(sentBytes),
  });
  expect([...tries.keys()]).toEqual(['/2']);
  expect(told).toEqual([15, 25]);
});

it('ends with the answer of a store that refuses, without trying again', async () => {
  const { url, tries } = await store((part) => (part === '/1' ? 403 : 200));
  await expect(uploadFile(inParts(url), content, { parallel: 1 })).rejects.toThrow(ProblemError);
  expect(Object.fromEntries(tries)).toEqual({ '/1': 1 });
});

it('stops when asked to', async () => {
  const { url } = await store(() => 200);
  const stop = new AbortController();
  stop.abort();
  await expect(uploadFile(inParts(url), content, { signal: stop.signal })).rejects.toMatchObject({
    name: 'AbortError',
  });
});
