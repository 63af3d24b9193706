/**
 * The uploads of this tab. They live outside of the pages, so that one can look at something else meanwhile; a reload
 * ends them, and `start` goes on with what the platform has when the same files are chosen again.
 */

import { ConnectionError, ProblemError, type UploadOut, uploadFile } from '@less-is-more/client';
import { Speed } from './speed';

export type UploadStatus =
  | 'sending'
  | 'paused'
  /** The connection is lost or the platform busy; it goes on by itself. */
  | 'waiting'
  /** Everything is sent; the platform checks that it is whole. */
  | 'completing'
  | 'failed'
  | 'done';

export interface UploadFile {
  name: string;
  size: number;
  sentBytes: number;
}

/** What is shown of one upload; a new object whenever something changes. */
export interface UploadState {
  datasetId: string;
  name: string;
  status: UploadStatus;
  files: readonly UploadFile[];
  sentBytes: number;
  totalBytes: number;
  bytesPerS: number | null;
  error: unknown;
}

/** What the manager asks of the platform. */
export interface UploadApi {
  /** Fresh addresses, and what has arrived. */
  renew: (datasetId: string) => Promise<UploadOut[]>;
  complete: (datasetId: string) => Promise<unknown>;
}

export interface UploadRequest {
  datasetId: string;
  name: string;
  addresses: UploadOut[];
  /** The bytes of each file, by its name among the addresses. */
  sources: ReadonlyMap<string, Blob>;
}

interface Task {
  request: UploadRequest;
  state: UploadState;
  /** Parts of each file that the platform has; 0 stands for a file without parts. */
  done: Map<string, Set<number>>;
  addresses: UploadOut[] | null;
  abort: AbortController;
  speed: Speed;
  failures: number;
  wake: (() => void) | null;
}

const SHOWN_EVERY_MS = 250;
const LONGEST_WAIT_MS = 30_000;
const GIVE_UP_AFTER = 60;
const DONE_MS = 10_000;

export class UploadManager {
  readonly #api: UploadApi;
  readonly #onDone: (state: UploadState) => void;
  readonly #tasks = new Map<string, Task>();
  readonly #listeners = new Set<() => void>();
  #states: readonly UploadState[] = [];

  constructor(api: UploadApi, onDone: (state: UploadState) => void) {
    this.#api = api;
    this.#onDone = onDone;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** All uploads of this tab that have not been forgotten. */
  states = (): readonly UploadState[] => this.#states;

  start(request: UploadRequest): void {
    this.#tasks.get(request.datasetId)?.abort.abort();
    const files = request.addresses.map(({ name }) => ({
      name,
      size: request.sources.get(name)?.size ?? 0,
      sentBytes: 0,
    }));
    const task: Task = {
      request,
      addresses: request.addresses,
      done: new Map(),
      abort: new AbortController(),
      speed: new Speed(),
      failures: 0,
      wake: null,
      state: {
        datasetId: request.datasetId,
        name: request.name,
        status: 'sending',
        files,
        sentBytes: 0,
        totalBytes: files.reduce((sum, file) => sum + file.size, 0),
        bytesPerS: null,
        error: null,
      },
    };
    this.#note(task, request.addresses);
    this.#tasks.set(request.datasetId, task);
    void this.#run(task);
  }

  pause(datasetId: string): void {
    const task = this.#tasks.get(datasetId);
    if (!task || (task.state.status !== 'sending' && task.state.status !== 'waiting')) return;
    this.#set(task, { status: 'paused', bytesPerS: null });
    task.abort.abort();
  }

  /** Go on after a pause, after a failure, or now instead of after the wait. */
  goOn(datasetId: string): void {
    const task = this.#tasks.get(datasetId);
    if (!task) return;
    if (task.wake) {
      task.wake();
      return;
    }
    if (task.state.status !== 'paused' && task.state.status !== 'failed') return;
    task.abort = new AbortController();
    task.addresses = null;
    task.failures = 0;
    void this.#run(task);
  }

  /** Stop, and forget it. */
  forget(datasetId: string): void {
    this.#tasks.get(datasetId)?.abort.abort();
    this.#tasks.delete(datasetId);
    this.#publish();
  }

  async #run(task: Task): Promise<void> {
    const { abort } = task;
    const { datasetId } = task.request;
    while (!abort.signal.aborted) {
      task.speed.reset();
      this.#set(task, { status: 'sending', error: null });
      try {
        if (task.addresses === null) {
          task.addresses = await this.#api.renew(datasetId);
          this.#note(task, task.addresses);
        }
        for (const address of task.addresses) await this.#send(task, address, abort.signal);
        this.#set(task, { status: 'completing', bytesPerS: null });
        await this.#api.complete(datasetId);
        this.#finish(task);
        return;
      } catch (error) {
        if (abort.signal.aborted) return;
        task.addresses = null;
        if (error instanceof ProblemError && error.code === 'not_uploading') {
          this.#finish(task); // another tab was faster
          return;
        }
        task.failures += 1;
        if (!passes(error) || task.failures > GIVE_UP_AFTER) {
          this.#set(task, { status: 'failed', error, bytesPerS: null });
          return;
        }
        this.#set(task, { status: 'waiting', error, bytesPerS: null });
        await this.#wait(task, Math.min(LONGEST_WAIT_MS, 1000 * 2 ** task.failures));
      }
    }
  }

  async #send(task: Task, address: UploadOut, signal: AbortSignal): Promise<void> {
    const source = task.request.sources.get(address.name);
    if (source === undefined) throw new Error(`The file ${address.name} was not chosen.`);
    const done = task.done.get(address.name) ?? new Set<number>();
    task.done.set(address.name, done);
    if (address.url !== null && done.has(0)) return;
    let shownAtMs = 0;
    await uploadFile(address, source, {
      signal,
      done,
      // Fewer at a time are whole earlier: less is sent again after a break.
      parallel: 2,
      onPart: (part) => {
        done.add(part);
        task.failures = 0;
      },
      onProgress: ({ sentBytes }) => {
        const nowMs = performance.now();
        if (nowMs - shownAtMs < SHOWN_EVERY_MS && sentBytes < source.size) return;
        shownAtMs = nowMs;
        this.#progress(task, address.name, sentBytes, nowMs);
      },
    });
  }

  /** Take over what the platform says that it has. */
  #note(task: Task, addresses: readonly UploadOut[]): void {
    for (const address of addresses) {
      const parts = address.parts ?? [];
      const done = new Set(parts.filter((part) => part.uploaded).map((part) => part.number));
      const size = task.request.sources.get(address.name)?.size ?? 0;
      if (address.url !== null && size > 0 && address.uploaded_bytes === size) done.add(0);
      task.done.set(address.name, done);
      const sentBytes = done.has(0)
        ? size
        : parts.filter((part) => done.has(part.number)).reduce((sum, part) => sum + part.size, 0);
      this.#progress(task, address.name, sentBytes, null);
    }
  }

  #progress(task: Task, name: string, sentBytes: number, atMs: number | null): void {
    const files = task.state.files.map((file) => (file.name === name ? { ...file, sentBytes } : file));
    const sum = files.reduce((total, file) => total + file.sentBytes, 0);
    if (atMs !== null) task.speed.add(sum, atMs);
    this.#set(task, { files, sentBytes: sum, bytesPerS: task.speed.perSecond() });
  }

  #finish(task: Task): void {
    const files = task.state.files.map((file) => ({ ...file, sentBytes: file.size }));
    this.#set(task, {
      status: 'done',
      files,
      sentBytes: task.state.totalBytes,
      bytesPerS: null,
      error: null,
    });
    this.#onDone(task.state);
    // It stays for a moment, until the pages know that the platform processes the dataset.
    setTimeout(() => {
      if (this.#tasks.get(task.request.datasetId) === task) this.forget(task.request.datasetId);
    }, DONE_MS);
  }

  #wait(task: Task, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        globalThis.removeEventListener?.('online', go);
        task.abort.signal.removeEventListener('abort', go);
        task.wake = null;
        resolve();
      };
      const timer = setTimeout(go, ms);
      globalThis.addEventListener?.('online', go);
      task.abort.signal.addEventListener('abort', go);
      task.wake = go;
    });
  }

  #set(task: Task, changes: Partial<UploadState>): void {
    task.state = { ...task.state, ...changes };
    this.#publish();
  }

  #publish(): void {
    this.#states = [...this.#tasks.values()].map((task) => task.state);
    for (const listener of this.#listeners) listener();
  }
}

/** Whether trying again may help: a lost connection, a busy platform, an address that has expired, a part that is missing. */
export function passes(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  if (!(error instanceof ProblemError)) return false;
  const { status, code } = error;
  return status >= 500 || status === 429 || code === 'http_403' || code === 'upload_incomplete';
}
