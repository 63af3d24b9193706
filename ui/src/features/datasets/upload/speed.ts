/** How fast an upload goes, over its last seconds, so that the time left follows the connection. */

const WINDOW_MS = 8000;

export class Speed {
  #samples: { atMs: number; bytes: number }[] = [];

  /** Tell how much has been sent in all. */
  add(bytes: number, atMs: number): void {
    this.#samples.push({ atMs, bytes });
    // One sample before the window stays: the first in it needs something to differ from.
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? atMs) < atMs - WINDOW_MS)
      this.#samples.shift();
  }

  /** Forget what was: a pause is no slow connection. */
  reset(): void {
    this.#samples = [];
  }

  /** Bytes per second; null until there is enough to tell. */
  perSecond(): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs - first.atMs < 500) return null;
    return Math.max(0, (last.bytes - first.bytes) / ((last.atMs - first.atMs) / 1000));
  }
}

/** Seconds until the rest is sent; null while nobody knows. */
export function timeLeftS(restBytes: number, bytesPerS: number | null): number | null {
  if (bytesPerS === null || bytesPerS <= 0) return null;
  return restBytes / bytesPerS;
}
