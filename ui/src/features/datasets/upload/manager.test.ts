import { ProblemError, type UploadOut } from '@less-is-more/client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { passes, UploadManager, type UploadState } from './manager';

const problem = (status: number, code: string) =>
  new ProblemError({
    type: 'about:blank',
    title: '',
    status,
    code,
    detail: code,
    errors: [],
    correlation_id: '-',
  });

const address = (name: string, sizes: number[], uploaded: boolean[] = []): UploadOut => ({
  name,
  method: 'PUT',
  url: null,
  headers: {},
  expires_at: '2026-11-30T12:00:00Z',
  size: sizes.reduce((sum, size) => sum + size, 0),
  parts: sizes.map((size, index) => ({
    number: index + 1,
    start: sizes.slice(0, index).reduce((sum, each) => sum + each, 0),
    size,
    url: `http://store.test/${name}/${index + 1}`,
    uploaded: uploaded[index] ?? false,
  })),
});

const until = async (holds: () => boolean) => {
  for (let tries = 0; tries < 200 && !holds(); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(holds()).toBe(true);
};

/** A store in this process: `put` is called with the address and the text of each part. */
function store(put: (url: string, text: string) => number) {
  vi.stubGlobal('XMLHttpRequest', undefined);
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    init.signal?.throwIfAborted();
    const status = put(String(url), await (init.body as Blob).text());
    return new Response(null, { status });
  });
}

describe('UploadManager', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('sends every part once and completes', async () => {
    const sent: string[] = [];
    store((url, text) => {
      sent.push(`${url.slice(-3)}=${text}`);
      return 200;
    });
    const done: UploadState[] = [];
    const complete = vi.fn(async () => undefined);
    const manager = new UploadManager({ renew: async () => [], complete }, (state) => done.push(state));
    manager.start({
      datasetId: 'd',
      name: 'speech',
      addresses: [address('x', [3, 2])],
      sources: new Map([['x', new Blob(['abcde'])]]),
    });
    await until(() => done.length === 1);
    expect(sent.sort()).toEqual(['x/1=abc', 'x/2=de']);
    expect(complete).toHaveBeenCalledOnce();
    expect(done[0]).toMatchObject({ status: 'done', sentBytes: 5, totalBytes: 5 });
    expect(manager.states()[0]?.status).toBe('done');
    manager.forget('d');
    expect(manager.states()).toEqual([]);
  });

  it('goes on with what the platform has', async () => {
    const sent: string[] = [];
    store((url) => {
      sent.push(url.slice(-3));
      return 200;
    });
    const done: UploadState[] = [];
    const manager = new UploadManager({ renew: async () => [], complete: async () => undefined }, (state) =>
      done.push(state),
    );
    manager.start({
      datasetId: 'd',
      name: 'speech',
      addresses: [address('x', [3, 2], [true, false])],
      sources: new Map([['x', new Blob(['abcde'])]]),
    });
    await until(() => done.length === 1);
    expect(sent).toEqual(['x/2']);
  });

  it('asks for new addresses when one has expired, and says a lasting refusal', async () => {
    let refuses = true;
    store(() => (refuses ? 403 : 200));
    const renew = vi.fn(async () => {
      refuses = false;
      return [address('x', [3, 2])];
    });
    const manager = new UploadManager(
      {
        renew,
        complete: async () => {
          throw problem(403, 'quota_exceeded');
        },
      },
      () => undefined,
    );
    manager.start({
      datasetId: 'd',
      name: 'speech',
      addresses: [address('x', [3, 2])],
      sources: new Map([['x', new Blob(['abcde'])]]),
    });
    await until(() => manager.states()[0]?.status === 'waiting');
    manager.goOn('d');
    await until(() => manager.states()[0]?.status === 'failed');
    expect(renew).toHaveBeenCalledOnce();
    expect(manager.states()[0]?.sentBytes).toBe(5);
  });

  it('knows what passes', () => {
    expect(passes(problem(503, 'database_unavailable'))).toBe(true);
    expect(passes(problem(403, 'http_403'))).toBe(true);
    expect(passes(problem(404, 'dataset_not_found'))).toBe(false);
    expect(passes(new Error('bug'))).toBe(false);
  });
});
