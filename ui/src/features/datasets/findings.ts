/** The findings of the checks in plain words. Reason and cure of each come from the platform; this names the kind. */

import type { Severity } from './types';

const TITLES: Record<string, string> = {
  // ---- items that are left out
  bad_archive: 'Archive cannot be read',
  bad_caption: 'Description cannot be used',
  bad_label: 'Class name cannot be used',
  bad_metadata: 'Metadata file cannot be read',
  bad_times: 'Start and end times do not fit',
  command: 'List names a command instead of a file',
  clipped: 'Distorted: recorded too loud',
  corrupt: 'Damaged file',
  duplicate_audio: 'Same recording twice',
  duplicate_input: 'Same input twice',
  duplicate_name: 'Two recordings with one name',
  empty_file: 'Empty file',
  encrypted: 'Archive needs a password',
  missing_audio: 'Recording is missing',
  missing_caption: 'No description',
  missing_label: 'No class',
  mismatched_text: 'Text does not fit the recording',
  missing_text: 'No text',
  mixed_scripts: 'Word that mixes two alphabets',
  missing_file: 'File is missing',
  near_duplicate: 'Copy of another recording',
  nested_archive: 'Archive inside an archive',
  not_audio: 'Not a recording',
  not_validated: 'Not marked as checked in its source',
  other_file: 'File of another kind',
  other_microphone: 'Recorded by another microphone',
  personal_data: 'Personal data in the text',
  rejected: 'Left out by you',
  several_texts: 'Several texts for one recording',
  silent: 'Silent',
  symlink: 'Link instead of a file',
  too_large: 'Too large',
  too_long: 'Too long',
  too_short: 'Too short',
  truncated: 'File ends too early',
  unreadable_text: 'Text cannot be read',
  unsafe_path: 'Archive with unsafe paths',
  unsupported_format: 'Format cannot be read',
  // ---- doubts about items that are kept
  cancelling_channels: 'Left and right channel cancel each other out',
  clipped_a_little: 'A little too loud',
  damaged_audio: 'Part of the sound may be missing',
  dropped_caption: 'One of its descriptions was left out',
  foreign_stem: 'Foreign word in the text',
  html: 'HTML in the text',
  invisible_characters: 'Invisible characters in the text',
  joined_audio: 'Joined from several parts',
  near_copy: 'Nearly the same as another recording',
  noise_channel: 'One channel is only noise',
  noisy: 'Noisy',
  open_length: 'File does not say how long it is',
  other_rate: 'Another sample rate than the rest',
  possible_personal_data: 'Text may name a person’s data',
  question_mark_in_word: 'Question mark inside a word',
  quiet: 'Very quiet',
  repeated_caption: 'Same description twice',
  repeated_text: 'Text repeats itself',
  scaled: 'Was made quieter',
  several_tracks: 'File has several tracks',
  unusual_rate: 'Unusually fast or slow speech',
  wrong_rate: 'Voice sounds too high or too low',
  // ---- the dataset as a whole
  leakage: 'Training and test overlap',
  imbalance: 'Unevenly distributed',
  mixed_rates: 'Several sample rates',
  few_speakers: 'Few speakers',
  no_speakers: 'Speakers are not known',
  no_groups: 'Groups are not known',
  many_set_aside: 'Many items were left out',
  long_texts: 'Texts too long for the smallest models',
  few_classes: 'Few classes',
  few_examples: 'Classes with few examples',
  label_in_one_split: 'Class in only one part of the data',
  similar_labels: 'Class names that may mean the same',
  contradicting_labels: 'Same recording in different classes',
  similar_captions: 'Nearly the same descriptions',
};

/** Findings that are judgements: a person may keep the item in spite of them. */
export const OVERRULABLE: ReadonlySet<string> = new Set([
  'clipped',
  'duplicate_audio',
  'duplicate_input',
  'mismatched_text',
  'mixed_scripts',
  'near_duplicate',
  'personal_data',
  'rejected',
  'silent',
  'unreadable_text',
]);

/** Findings that end when a person writes the item's text, class or descriptions. */
export const TEXTLESS: ReadonlySet<string> = new Set([
  'bad_caption',
  'bad_label',
  'duplicate_name',
  'missing_caption',
  'missing_label',
  'missing_text',
  'several_texts',
  'unreadable_text',
]);

export const FINDING_CODES: readonly string[] = Object.keys(TITLES);

export function findingTitle(code: string): string {
  const words = code.replaceAll('_', ' ');
  return TITLES[code] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

export const SEVERITIES: Record<
  Severity,
  { label: string; tone: 'danger' | 'warning' | 'primary' | 'neutral' }
> = {
  set_aside: { label: 'Left out', tone: 'danger' },
  dataset: { label: 'Whole dataset', tone: 'primary' },
  warning: { label: 'Kept, but look', tone: 'warning' },
  overruled: { label: 'Kept by you', tone: 'neutral' },
};

/** A sentence: capital first, full stop last. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (!trimmed) return '';
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
