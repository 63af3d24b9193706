/** Uploads to the addresses that `createDataset` returns: large files in parts, each retried, resumable. */

import { ConnectionError, problemOf } from './errors.ts';
import type { UploadOut } from './generated/types.gen.ts';

export interface UploadSource {
  size: number;
  /** The bytes from `start` up to `end`, as a `Blob` does it. */
  slice(start: number, end: number): Blob;
}

export interface UploadProgress {
  sentBytes: number;
  totalBytes: number;
}

export interface UploadOptions {
  signal?: AbortSignal;
  onProgress?: (progress: UploadProgress) => void;
  /** Numbers of the parts that an earlier call has uploaded (`0` for a file without parts). */
  done?: ReadonlySet<number>;
  /** Called with the number of each part once it is stored, so that a later call can skip it. */
  onPart?: (part: number) => void;
  /** How many parts are sent at the same time. */
  parallel?: number;
  /** Address that relative upload addresses are resolved against; unset: the page's own. */
  baseUrl?: string;
}

interface Piece {
  number: number;
  url: string;
  start: number;
  size: number;
}

const TRIES = 6;

/**
 * Upload one file. A part that breaks off is sent again, with growing pauses; an address that has expired or was
 * refused ends the upload with the store's answer as a `ProblemError`.
 */
export async function uploadFile(
  upload: UploadOut,
  source: UploadSource,
  options: UploadOptions = {},
): Promise<void> {
  const { signal, onProgress, done = new Set<number>(), onPart, parallel = 3 } = options;
  const pieces = piecesOf(upload, source.size);
  const sent = new Map<number, number>();
  for (const piece of pieces) if (done.has(piece.number)) sent.set(piece.number, piece.size);
  const tell = () => {
    let sentBytes = 0;
    for (const bytes of sent.values()) sentBytes += bytes;
    onProgress?.({ sentBytes, totalBytes: source.size });
  };
  tell();
  const waiting = pieces.filter((piece) => !done.has(piece.number));
  const stop = new AbortController();
  const ended = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const work = async () => {
    for (let piece = waiting.shift(); piece !== undefined; piece = waiting.shift()) {
      const { number, start, size, url } = piece;
      const body = source.slice(start, start + size);
      await persistently(ended, async () => {
        await put(resolved(url, options.baseUrl), upload, body, ended, (bytes) => {
          sent.set(number, bytes);
          tell();
        });
      });
      sent.set(number, size);
      tell();
      onPart?.(number);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(parallel, waiting.length) }, work));
  } catch (error) {
    stop.abort();
    throw error;
  }
}

function piecesOf(upload: UploadOut, size: number): Piece[] {
  if (upload.url !== null) return [{ number: 0, url: upload.url, start: 0, size }];
  return (upload.parts ?? []).map(({ number, url, start, size }) => ({ number, url, start, size }));
}

function resolved(url: string, baseUrl: string | undefined): string {
  const base = baseUrl || globalThis.location?.href;
  return base ? new URL(url, base).href : url;
}

async function persistently(signal: AbortSignal, send: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await send();
      return;
    } catch (error) {
      if (signal.aborted || !(error instanceof ConnectionError) || attempt === TRIES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** (attempt - 1)));
  }
}

/** In a browser by XMLHttpRequest: `fetch` does not tell how much of a body has been sent. */
function put(
  url: string,
  upload: UploadOut,
  body: Blob,
  signal: AbortSignal,
  onSent: (bytes: number) => void,
): Promise<void> {
  if (typeof XMLHttpRequest === 'undefined') return putByFetch(url, upload, body, signal);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    const over = () => signal.removeEventListener('abort', abort);
    request.open(upload.method, url);
    for (const [name, value] of Object.entries(upload.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => {
      over();
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(refusal(request.status, request.statusText, request.responseText));
    };
    request.onerror = () => {
      over();
      onSent(0);
      reject(new ConnectionError('The connection broke while a file was sent.'));
    };
    request.onabort = () => {
      over();
      reject(new DOMException('The upload was stopped.', 'AbortError'));
    };
    if (signal.aborted) {
      reject(new DOMException('The upload was stopped.', 'AbortError'));
      return;
    }
    signal.addEventListener('abort', abort);
    request.send(body);
  });
}

async function putByFetch(url: string, upload: UploadOut, body: Blob, signal: AbortSignal): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, { method: upload.method, headers: upload.headers, body, signal });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new ConnectionError('The connection broke while a file was sent.', { cause });
  }
  if (!response.ok) throw refusal(response.status, response.statusText, await response.text());
}

/** A busy or restarting store counts as a broken connection: the part is sent again. */
function refusal(status: number, statusText: string, text: string): Error {
  if (status >= 500 || status === 429) return new ConnectionError(`The store answered ${status}.`);
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // S3 answers in XML; the status says enough.
  }
  return problemOf(new Response(null, { status, statusText }), body);
}
