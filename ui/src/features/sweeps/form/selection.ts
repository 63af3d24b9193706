/** What trials train on: everything, or a part that is chosen first. */

import type { SelectionConfig } from '@less-is-more/client';

export interface SelectionDraft {
  isOn: boolean;
  percent: string;
  method: string;
  /** Cut pauses at both ends of a recording. */
  isTrimmed: boolean;
}

export const EVERYTHING: SelectionDraft = { isOn: false, percent: '50', method: 'auto', isTrimmed: true };

export function selectionOf({ isOn, percent, method, isTrimmed }: SelectionDraft): SelectionConfig | null {
  if (!isOn) return null;
  return {
    budget: { type: 'share', fraction: Number(percent) / 100 },
    // The branches that the platform's own schema names.
    method: { type: method } as NonNullable<SelectionConfig['method']>,
    ...(isTrimmed ? {} : { trim: { type: 'none' as const } }),
  };
}

export function selectionFault({ isOn, percent }: SelectionDraft): string | null {
  const share = Number(percent);
  if (!isOn || (percent.trim() !== '' && share > 0 && share <= 100)) return null;
  return 'Enter a share above 0, up to 100 %.';
}
