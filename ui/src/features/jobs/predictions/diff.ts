/** Word differences between a reference and what a model said. */

export type Change = 'same' | 'substituted' | 'deleted' | 'inserted';

export interface Word {
  text: string;
  change: Change;
}

export interface Diff {
  /** Words of the reference: same, substituted or deleted. */
  reference: Word[];
  /** Words of the hypothesis: same, substituted or inserted. */
  hypothesis: Word[];
  counts: Record<Exclude<Change, 'same'>, number>;
}

/** A word as it is compared: without case and punctuation, as error rates count it. */
export function compared(word: string): string {
  const bare = word
    .toLowerCase()
    .normalize('NFKC')
    .replace(/[^\p{L}\p{N}\p{M}']+/gu, '');
  return bare === '' ? word : bare;
}

/** Of alignments with equally few errors, the one with the fewest substitutions matches the most words. */
const SUBSTITUTION = 1001;
const GAP = 1000;

/** Longer texts are compared by their first words only: the table of costs grows with the product of their lengths. */
const MOST_WORDS = 600;

/** The alignment with the fewest substitutions, deletions and insertions (Levenshtein, by words). */
export function diffWords(reference: string, hypothesis: string): Diff {
  const a = wordsOf(reference);
  const b = wordsOf(hypothesis);
  const x = a.map(compared);
  const y = b.map(compared);
  const width = b.length + 1;
  const costs = new Uint32Array((a.length + 1) * width);
  for (let j = 0; j <= b.length; j += 1) costs[j] = j * GAP;
  for (let i = 1; i <= a.length; i += 1) {
    costs[i * width] = i * GAP;
    for (let j = 1; j <= b.length; j += 1) {
      const diagonal = cost(costs, (i - 1) * width + j - 1) + (x[i - 1] === y[j - 1] ? 0 : SUBSTITUTION);
      const up = cost(costs, (i - 1) * width + j) + GAP;
      const left = cost(costs, i * width + j - 1) + GAP;
      costs[i * width + j] = Math.min(diagonal, up, left);
    }
  }
  const ofReference: Word[] = [];
  const ofHypothesis: Word[] = [];
  const counts = { substituted: 0, deleted: 0, inserted: 0 };
  let i = a.length;
  let j = b.length;
  while (i > 0 || j > 0) {
    const here = cost(costs, i * width + j);
    const isSame = i > 0 && j > 0 && x[i - 1] === y[j - 1];
    if (i > 0 && j > 0 && here === cost(costs, (i - 1) * width + j - 1) + (isSame ? 0 : SUBSTITUTION)) {
      const change = isSame ? 'same' : 'substituted';
      if (!isSame) counts.substituted += 1;
      ofReference.push({ text: a[i - 1] as string, change });
      ofHypothesis.push({ text: b[j - 1] as string, change });
      i -= 1;
      j -= 1;
    } else if (i > 0 && here === cost(costs, (i - 1) * width + j) + GAP) {
      counts.deleted += 1;
      ofReference.push({ text: a[i - 1] as string, change: 'deleted' });
      i -= 1;
    } else {
      counts.inserted += 1;
      ofHypothesis.push({ text: b[j - 1] as string, change: 'inserted' });
      j -= 1;
    }
  }
  return { reference: ofReference.reverse(), hypothesis: ofHypothesis.reverse(), counts };
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter(Boolean).slice(0, MOST_WORDS);
}

function cost(costs: Uint32Array, at: number): number {
  return costs[at] ?? 0;
}
