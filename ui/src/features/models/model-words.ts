/** How facts of a model are said. */

import type { ModelOut } from '@less-is-more/client';
import { formatCompact, formatWords } from '@/lib/format';

const FAMILIES: Record<string, string> = {
  whisper: 'Whisper',
  wav2vec2: 'wav2vec 2.0 / HuBERT',
  wav2vec2_conformer: 'Wav2Vec2-Conformer',
  spectrogram_transformer: 'Spectrogram transformer',
  clap: 'CLAP',
  audio_llm: 'Audio language model',
};

/** The architecture of a model: the family that loads it. */
export const familyWords = (family: string) => FAMILIES[family] ?? formatWords(family);
export const parameterWords = (count: number) => `${formatCompact(count)} parameters`;

const LANGUAGES = new Intl.DisplayNames('en', { type: 'language', fallback: 'code' });

export function languageWords(codes: readonly string[]): string {
  if (codes.length === 0) return 'None: for sounds';
  return codes.map(languageName).join(', ');
}

function languageName(code: string): string {
  try {
    // What is no code, such as `multilingual`, stays a word.
    return /^[a-z]{2,3}(-\w+)*$/i.test(code) ? (LANGUAGES.of(code) ?? code) : formatWords(code);
  } catch {
    return code;
  }
}

/** Where the weights come from. */
export function sourceWords({ source, revision }: Pick<ModelOut, 'source' | 'revision'>): string {
  if (source.startsWith('bundled:')) return 'Comes with the software';
  if (source.startsWith('s3://')) return 'Object storage';
  return revision ? `Hugging Face hub, commit ${revision.slice(0, 8)}` : 'Hugging Face hub';
}

export const modelHref = (id: string) => `/models/${encodeURIComponent(id)}`;

const ID = /^\/models\/([^/]+)$/;

/** The model's id in the address; unlike other ids it is a name. */
export function modelIdOf(pathname: string): string {
  return decodeURIComponent(ID.exec(pathname)?.[1] ?? '');
}
