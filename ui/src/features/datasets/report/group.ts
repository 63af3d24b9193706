/** Findings of a report by kind: how many, an example, the cure. */

import type { Finding, Report, Severity } from '../types';

export interface FindingGroup {
  code: string;
  severity: Severity;
  count: number;
  /** Reasons of the first few, with the path of their items. */
  examples: { path: string | null; reason: string }[];
  action: string;
}

const ORDER: readonly Severity[] = ['set_aside', 'dataset', 'warning', 'overruled'];
const EXAMPLES = 3;

/** What was left out first, then the dataset as a whole, doubts, and what was kept by decision; frequent ones first. */
export function groupFindings(report: Report): FindingGroup[] {
  const all: readonly Finding[] =
    report.validation?.findings ??
    report.set_aside.map((item): Finding => ({ ...item, severity: 'set_aside' }));
  const groups = new Map<string, FindingGroup>();
  for (const { code, severity, path, reason, action } of all) {
    const key = `${severity} ${code}`;
    const group = groups.get(key) ?? { code, severity, count: 0, examples: [], action };
    group.count += 1;
    if (group.examples.length < EXAMPLES) group.examples.push({ path, reason });
    groups.set(key, group);
  }
  return [...groups.values()].sort(
    (a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || b.count - a.count,
  );
}

/** Rejected items as a table for a spreadsheet. */
export function rejectedCsv(report: Report): string {
  const cell = (text: string) => {
    // A spreadsheet must not take a path for a formula.
    const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const rows = report.set_aside.map(({ path, code, reason, action }) =>
    [path ?? '', code, reason, action].map(cell).join(','),
  );
  return ['path,code,reason,what to do', ...rows, ''].join('\n');
}
