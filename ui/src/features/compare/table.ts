/** What distinguishes some runs: settings that differ, and metrics with the best of each marked. */

import { leavesOf, sameValue, shownLeaf } from '@/features/jobs/config/tree';
import type { Job } from '@/features/jobs/contract';
import { fieldsOf, measured, numberOf, wholeConfigOf } from '@/features/jobs/model/job';
import { bestIndex } from '@/features/jobs/model/metrics';

export interface SettingRow {
  path: string;
  /** One per run; undefined where a run has no such setting. */
  values: unknown[];
}

/** Settings of the runs by path: all, or only those in which they differ. */
export function settingsOf(jobs: readonly Job[], onlyDifferent: boolean): SettingRow[] {
  const columns = jobs.map(
    (job) =>
      new Map<string, unknown>([
        ['kind', job.type],
        ['model', job.model_id],
        ['dataset', job.dataset_id],
        ['dataset version', job.dataset_version],
        ...leavesOf(wholeConfigOf(job)),
      ]),
  );
  const paths = [...new Set(columns.flatMap((column) => [...column.keys()]))];
  return paths
    .map((path) => ({ path, values: columns.map((column) => column.get(path)) }))
    .filter(
      ({ values }) => !onlyDifferent || values.some((value) => !sameValue(value ?? null, values[0] ?? null)),
    );
}

export interface MetricRow {
  /** `wer` under `tuned`, `peak_bytes`, ... */
  name: string;
  group: 'Result' | 'Validation' | 'Training' | 'Base' | 'Cost';
  values: (number | null)[];
  /** Place of the best; null if there is no difference. */
  best: number | null;
}

const COSTS: [name: string, of: (job: Job) => number | null][] = [
  ['wall_s', (job) => (job.usage.wall_s > 0 ? job.usage.wall_s : null)],
  ['peak_bytes', (job) => numberOf(fieldsOf(job.result).peak_bytes) ?? numberOf(job.metrics.peak_bytes)],
  ['cost_per_s', (job) => numberOf(job.metrics.cost_per_s)],
  ['trainable_parameters', (job) => numberOf(fieldsOf(job.result).trainable_parameters)],
];

/** Metrics and costs of the runs; those that no run has are left out. */
export function metricsOf(jobs: readonly Job[]): MetricRow[] {
  const values = jobs.map(measured);
  const rows: MetricRow[] = [];
  const add = (group: MetricRow['group'], side: 'tuned' | 'base' | 'validation') => {
    for (const name of new Set(values.flatMap((one) => Object.keys(one[side])))) {
      const row = values.map((one) => one[side][name] ?? null);
      rows.push({ name, group, values: row, best: bestIndex(name, row) });
    }
  };
  add('Result', 'tuned');
  add('Validation', 'validation');
  const losses = jobs.map((job) => numberOf(job.metrics.loss));
  if (losses.some((loss) => loss !== null))
    rows.push({ name: 'loss', group: 'Training', values: losses, best: bestIndex('loss', losses) });
  add('Base', 'base');
  for (const [name, of] of COSTS) {
    const row = jobs.map(of);
    if (row.every((value) => value === null)) continue;
    rows.push({
      name,
      group: 'Cost',
      values: row,
      best: name === 'cost_per_s' ? highest(row) : bestCost(row),
    });
  }
  return rows;
}

function bestCost(values: readonly (number | null)[]): number | null {
  return bestIndex('loss', values);
}

function highest(values: readonly (number | null)[]): number | null {
  return bestIndex('accuracy', values);
}

/** Both tables as CSV (RFC 4180), with the jobs' names as the first row. */
export function csvOf(
  jobs: readonly Job[],
  metrics: readonly MetricRow[],
  settings: readonly SettingRow[],
): string {
  const lines = [
    ['', ...jobs.map((job) => job.name)],
    ['id', ...jobs.map((job) => job.id)],
    ['status', ...jobs.map((job) => job.status)],
    ...metrics.map((row) => [
      `${row.group.toLowerCase()} ${row.name}`,
      ...row.values.map((value) => (value === null ? '' : String(value))),
    ]),
    ...settings.map((row) => [
      row.path,
      ...row.values.map((value) => (value === undefined || value === null ? '' : shownLeaf(value))),
    ]),
  ];
  return lines
    .map((line) => line.map(cell).join(','))
    .join('\r\n')
    .concat('\r\n');
}

/** A cell that a spreadsheet neither cuts nor runs as a formula. */
function cell(text: string): string {
  const safe = /^[=+\-@\t]/.test(text) && !/^-?\d/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
