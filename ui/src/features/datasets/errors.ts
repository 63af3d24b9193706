/** Why a dataset cannot be used, in plain words with the cure. The platform tells it as one text, with its report. */

import { findingTitle, sentence } from './findings';
import type { Report } from './types';

export interface Failure {
  title: string;
  cure: string;
  /** Other recordings or options will not help: processing again may. */
  isPassing: boolean;
}

const PATTERNS: [RegExp, Failure][] = [
  [
    /\b(memory|killed|out of memory)\b/i,
    {
      title: 'It needed more memory than the platform gives to one dataset',
      cure: 'Cut very long recordings into shorter ones, or ask the administrator for a higher LIM_DATASET_MEMORY_BYTES.',
      isPassing: true,
    },
  ],
  [
    /\b(processor time|time limit|took longer|seconds of)\b/i,
    {
      title: 'It took longer than the platform allows for one dataset',
      cure: 'Bring it in several parts, or ask the administrator for more time.',
      isPassing: true,
    },
  ],
  [
    /\b(404|not found|no such (key|object|bucket)|nothing at)\b/i,
    {
      title: 'There is nothing at this address',
      cure: 'Check the address; open it in a private window of your browser: it must load without a log-in.',
      isPassing: false,
    },
  ],
  [
    /\b(401|403|forbidden|denied|not allowed|private network)\b/i,
    {
      title: 'The platform may not read this address',
      cure: 'Make the file public, or download it and upload it here.',
      isPassing: false,
    },
  ],
  [
    /\b(connect|connection|resolve|timed out|unreachable|name or service)\b/i,
    {
      title: 'The address could not be reached',
      cure: 'Check that it is right and its server runs, then try again.',
      isPassing: true,
    },
  ],
];

export function failureOf(error: string | null, report: Report | null): Failure {
  const found = report?.items_found ?? 0;
  if (report && found > 0 && report.items_good === 0) {
    const [code, count] = topCode(report);
    const action = report.set_aside.find((item) => item.code === code)?.action ?? '';
    return {
      title:
        count === found
          ? `None of the ${found} items can be used: ${lower(findingTitle(code))}`
          : `None of the ${found} items can be used, most of them because: ${lower(findingTitle(code))}`,
      cure: sentence(action) || 'Look at the reasons below, correct the recordings and add them again.',
      isPassing: false,
    };
  }
  for (const [pattern, failure] of PATTERNS) if (error && pattern.test(error)) return failure;
  return {
    title: 'The dataset could not be processed',
    cure: 'The platform says why below. Correct it and add the recordings again, or try once more.',
    isPassing: true,
  };
}

/** The most frequent reason among what was left out. */
export function topCode(report: Report): [code: string, count: number] {
  const counts = Object.entries(report.set_aside_by_code ?? countCodes(report));
  return counts.sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
}

export function countCodes(report: Report): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { code } of report.set_aside) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

function lower(title: string): string {
  return title.charAt(0).toLowerCase() + title.slice(1);
}
