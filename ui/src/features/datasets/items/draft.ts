/** Corrections that have been made but not applied yet: together they make the next version of the dataset. */

import type { DatasetItemOut, RevisionBody } from '@less-is-more/client';
import { findingTitle, OVERRULABLE, TEXTLESS } from '../findings';
import type { Split } from '../types';

export type Verdict = 'accept' | 'reject';
type Decision = NonNullable<RevisionBody['decisions']>[number];

export interface ItemChange {
  verdict?: Verdict;
  text?: string;
  /** null: not known. */
  group?: string | null;
  /** null: in no part. */
  split?: Split | null;
}

export interface GroupChange {
  verdict: Verdict;
  /** A kind of finding; all items that have it. */
  code: string;
  count: number;
}

export interface Draft {
  items: Record<string, ItemChange>;
  groups: GroupChange[];
}

export const EMPTY_DRAFT: Draft = { items: {}, groups: [] };

/** A draft with an item changed further; what equals the item as it is falls away. */
export function withItem(draft: Draft, item: DatasetItemOut, change: ItemChange): Draft {
  const merged = { ...draft.items[item.path], ...change };
  if (merged.text !== undefined && merged.text === (item.text ?? '')) delete merged.text;
  if (merged.group !== undefined && merged.group === item.speaker) delete merged.group;
  if (merged.split !== undefined && merged.split === item.split) delete merged.split;
  if (merged.verdict === (item.status === 'good' ? 'accept' : 'reject')) delete merged.verdict;
  return withoutItem(draft, item.path, Object.keys(merged).length > 0 ? merged : null);
}

export function withoutItem(draft: Draft, path: string, instead: ItemChange | null = null): Draft {
  const items = { ...draft.items };
  if (instead) items[path] = instead;
  else delete items[path];
  return { ...draft, items };
}

export function withGroup(draft: Draft, change: GroupChange): Draft {
  return { ...draft, groups: [...draft.groups.filter(({ code }) => code !== change.code), change] };
}

export function withoutGroup(draft: Draft, code: string): Draft {
  return { ...draft, groups: draft.groups.filter((group) => group.code !== code) };
}

export function countOf(draft: Draft): number {
  return draft.groups.length + Object.keys(draft.items).length;
}

/** What is asked of the platform: kinds first, then single items, which may be meant otherwise. */
export function decisionsOf(draft: Draft): Decision[] {
  const decisions: Decision[] = draft.groups.map(({ verdict, code }) => ({ do: verdict, codes: [code] }));
  const items = Object.entries(draft.items);
  for (const verdict of ['accept', 'reject'] as const) {
    const paths = items.filter(([, change]) => change.verdict === verdict).map(([path]) => path);
    if (paths.length > 0) decisions.push({ do: verdict, paths });
  }
  for (const [path, { text, group, split }] of items) {
    if (text === undefined && group === undefined && split === undefined) continue;
    decisions.push({
      do: 'edit',
      paths: [path],
      ...(text === undefined ? {} : { text }),
      ...(group === undefined ? {} : { speaker: group }),
      ...(split === undefined ? {} : { split }),
    });
  }
  return decisions;
}

/** An item as it will be. */
export interface Drafted {
  isIn: boolean;
  text: string;
  group: string | null;
  split: string | null;
  isChanged: boolean;
}

export function drafted(item: DatasetItemOut, draft: Draft): Drafted {
  const change = draft.items[item.path] ?? {};
  const codes = new Set(item.findings.map(({ code }) => code));
  const group = draft.groups.findLast(({ code }) => codes.has(code));
  const verdict = change.verdict ?? group?.verdict ?? null;
  const curesText = change.text !== undefined && item.status === 'rejected' && howToKeep(item) === 'text';
  return {
    isIn: verdict ? verdict === 'accept' : item.status === 'good' || curesText,
    text: change.text ?? item.text ?? '',
    group: change.group === undefined ? item.speaker : change.group,
    split: change.split === undefined ? item.split : change.split,
    isChanged: Object.keys(change).length > 0 || group !== undefined,
  };
}

/** How an item that was left out can be kept: by a decision, by writing its text, or only by bringing it anew. */
export function howToKeep(item: DatasetItemOut): 'decide' | 'text' | 'never' {
  const faults = item.findings.filter(({ severity }) => severity === 'set_aside').map(({ code }) => code);
  if (faults.length === 0) return 'never';
  if (faults.every((code) => OVERRULABLE.has(code))) return 'decide';
  return faults.every((code) => TEXTLESS.has(code)) ? 'text' : 'never';
}

/** What a change does, in words. */
export function changeWords(change: ItemChange): string[] {
  const words: string[] = [];
  if (change.verdict === 'accept') words.push('kept');
  if (change.verdict === 'reject') words.push('left out');
  if (change.text !== undefined) words.push('text edited');
  if (change.group !== undefined)
    words.push(change.group === null ? 'group removed' : `group: ${change.group}`);
  if (change.split !== undefined) words.push(change.split === null ? 'in no part' : `part: ${change.split}`);
  return words;
}

export function groupWords({ verdict, code, count }: GroupChange): string {
  return `${verdict === 'reject' ? 'Leave out' : 'Keep'} all ${count} with “${findingTitle(code)}”`;
}
