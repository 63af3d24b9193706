/** How sure a measured rate is: a 95 % interval by drawing the test examples again and again, with replacement. */

export interface Counted {
  /** Errors in an example. */
  errors: number;
  /** What they are a share of: words of its reference. */
  of: number;
}

export interface Interval {
  low: number;
  high: number;
}

const DRAWS = 1000;
/** Fewer examples give no useful interval. */
const FEWEST = 20;

/**
 * Percentile bootstrap of sum(errors) / sum(of) over examples; the same for the same examples, because the draws have a
 * fixed seed. Null for fewer than 20 examples.
 */
export function intervalOf(examples: readonly Counted[], seed = 1): Interval | null {
  const total = examples.reduce((sum, one) => sum + one.of, 0);
  if (examples.length < FEWEST || total === 0) return null;
  const random = mulberry32(seed);
  const rates: number[] = [];
  for (let draw = 0; draw < DRAWS; draw += 1) {
    let errors = 0;
    let of = 0;
    for (let index = 0; index < examples.length; index += 1) {
      const one = examples[Math.floor(random() * examples.length)] as Counted;
      errors += one.errors;
      of += one.of;
    }
    if (of > 0) rates.push(errors / of);
  }
  rates.sort((a, b) => a - b);
  const at = (share: number) => rates[Math.min(rates.length - 1, Math.floor(share * rates.length))] as number;
  return { low: at(0.025), high: at(0.975) };
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
