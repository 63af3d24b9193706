/** The steps of processing a dataset, in words. */

export interface Phase {
  id: string;
  title: string;
  about: string;
}

export const PHASES: readonly Phase[] = [
  { id: 'queued', title: 'Waiting', about: 'Other datasets are processed first.' },
  { id: 'fetching', title: 'Fetching', about: 'The recordings are brought to where they are processed.' },
  { id: 'reading', title: 'Checking', about: 'Each recording is decoded and checked, with its text.' },
  { id: 'storing', title: 'Saving', about: 'The version and its report are saved.' },
];

export function phaseIndex(phase: string | null | undefined): number {
  // A phase that the page does not know is shown as the first.
  return Math.max(
    0,
    PHASES.findIndex(({ id }) => id === phase),
  );
}

export function phaseWords(phase: string | null): Phase {
  return PHASES[phaseIndex(phase)] as Phase;
}
