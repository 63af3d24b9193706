/** How hard a password is to guess, roughly: its length and variety, less what guessers try first. */

export interface Strength {
  /** 0 to 4. */
  score: number;
  label: 'Too short' | 'Weak' | 'Fair' | 'Good' | 'Strong';
}

export const MIN_LENGTH = 10;
const LABELS = ['Too short', 'Weak', 'Fair', 'Good', 'Strong'] as const;
const COMMON = /password|passwort|qwert|asdf|letmein|welcome|admin|login|iloveyou|abc|123|111|000/gi;

export function strengthOf(password: string, ...known: string[]): Strength {
  if (password.length < MIN_LENGTH) return { score: 0, label: LABELS[0] };
  let rest = password.replace(COMMON, '');
  for (const word of known) {
    if (word.length >= 3) rest = rest.toLowerCase().replaceAll(word.toLowerCase(), '');
  }
  const different = new Set(rest).size;
  const kinds = [/\p{Ll}/u, /\p{Lu}/u, /\p{N}/u, /[^\p{L}\p{N}]/u].filter((kind) =>
    kind.test(password),
  ).length;
  // Bits: characters that surprise, each worth more with more kinds of characters.
  const bits = Math.min(rest.length, different * 1.6) * (2 + kinds * 0.75);
  const score = bits < 25 ? 1 : bits < 40 ? 2 : bits < 55 ? 3 : 4;
  return { score, label: LABELS[score] as Strength['label'] };
}
