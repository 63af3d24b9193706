/** Which charts a job's curves make, and in which order. */

import type { Series } from '@/components/charts/series';
import {
  formatBytes,
  formatCompact,
  formatDuration,
  formatNumber,
  formatPercent,
  formatWords,
} from '@/lib/format';
import type { CurveSeries } from '../contract';
import { metricOf } from '../model/metrics';

export interface ChartPlan {
  id: string;
  title: string;
  /** What it means, for somebody who sees it for the first time. */
  hint: string;
  /** Names of its curves; the first is solid, others are dashed. */
  names: string[];
  unit: string | null;
}

/** Curves that say the same as other parts of the page. */
const HIDDEN = new Set(['epoch', 'eta_s', 'total_steps', 'progress', 'step']);
const FIRST = ['loss', 'learning_rate', 'grad_norm', 'cost_per_s', 'peak_bytes'];
const TITLES: Record<string, [title: string, hint: string]> = {
  loss: ['Loss', 'What training makes smaller. It should fall, steeply at first and then slowly.'],
  learning_rate: [
    'Learning rate',
    'How large each step is. It rises during the warm-up and falls by the schedule.',
  ],
  grad_norm: [
    'Gradient norm',
    'How strongly a step wants to change the weights. Spikes are a sign of instability.',
  ],
  cost_per_s: ['Throughput', 'How much training data is worked through per second.'],
  peak_bytes: ['Peak memory', 'The most memory a worker has used so far.'],
};

/** One chart per figure; training and validation loss share theirs. The metric that decides comes second. */
export function chartsOf(series: readonly CurveSeries[], primary: string | null): ChartPlan[] {
  const shown = series.filter((one) => !HIDDEN.has(one.name) && one.steps.length > 0);
  const byName = new Map(shown.map((one) => [one.name, one]));
  const plans: ChartPlan[] = [];
  const taken = new Set<string>();
  const add = (names: string[]) => {
    const there = names.filter((name) => byName.has(name) && !taken.has(name));
    const [lead] = there;
    const one = lead === undefined ? undefined : byName.get(lead);
    if (lead === undefined || !one) return;
    for (const name of there) taken.add(name);
    plans.push(planOf(lead, there, one));
  };
  add(['loss', 'validation/loss']);
  if (primary !== null) add([`validation/${primary}`]);
  for (const one of shown) if (one.name.startsWith('validation/')) add([one.name]);
  for (const name of FIRST) add([name]);
  for (const one of shown) add([one.name]);
  return plans;
}

function planOf(lead: string, names: string[], series: CurveSeries): ChartPlan {
  const short = lead.replace(/^validation\//, '');
  const [title, hint] = TITLES[lead] ?? [null, null];
  if (title !== null) return { id: lead, title, hint: hint ?? '', names, unit: series.unit };
  const metric = metricOf(short);
  const isValidation = lead !== short;
  return {
    id: lead,
    title: isValidation ? `Validation ${metric.title}` : series.title || formatWords(short),
    hint: metric.meaning,
    names,
    unit: series.unit ?? (isValidation && metric.unit === 'share' ? 'share' : null),
  };
}

export function formatOf(unit: string | null, name: string): (value: number) => string {
  if (unit === 'bytes') return formatBytesFine;
  if (unit === 's') return formatDuration;
  if (unit === 'share') return formatPercent;
  if (name === 'cost_per_s') return (value) => `${formatNumber(value, 3)} /s`;
  return formatNumber;
}

/** Sizes on an axis lie close together: one digit more than elsewhere. */
export function formatBytesFine(bytes: number): string {
  const gib = bytes / 1024 ** 3;
  return Math.abs(gib) >= 1 ? `${gib.toFixed(2)} GiB` : formatBytes(bytes);
}

/** Steps on an axis, short enough for a phone: 12,000 is 12K. */
export function formatStep(value: number): string {
  return value >= 10_000 ? formatCompact(value) : formatNumber(value, 6);
}

export interface Run {
  /** Whether its curves are still on the way. */
  isLoading?: boolean;
  id: string;
  /** What its curves are called in legends; empty for the job itself where it is alone. */
  label: string;
  series: readonly CurveSeries[];
}

/** The lines of one chart: those of each run in a colour of its own, the same in every chart. */
export function linesOf(plan: ChartPlan, runs: readonly Run[]): Series[] {
  return runs.flatMap((run, place) =>
    plan.names.flatMap((name, index) => {
      const one = run.series.find((curve) => curve.name === name);
      if (!one || one.steps.length === 0) return [];
      const what =
        plan.names.length === 1 ? plan.title : name.startsWith('validation/') ? 'Validation' : 'Training';
      return [
        {
          name: `${run.id}:${name}`,
          label: runs.length === 1 ? what : plan.names.length === 1 ? run.label : `${run.label}, ${what}`,
          x: one.steps,
          y: one.values,
          color: `--chart-${(place % 8) + 1}`,
          ...(index > 0 ? { isDashed: true } : {}),
        },
      ];
    }),
  );
}

/** "1,000 of 100,000 points", if a chart samples. */
export function samplingNote(plan: ChartPlan, runs: readonly Run[]): string | undefined {
  const curves = runs.flatMap((run) => run.series.filter((one) => plan.names.includes(one.name)));
  const sampled = curves.filter((one) => one.sampled && one.steps.length < one.total);
  if (sampled.length === 0) return undefined;
  const [most] = sampled.toSorted((a, b) => b.total - a.total);
  return most
    ? `${most.steps.length.toLocaleString('en-GB')} of ${most.total.toLocaleString('en-GB')} points: smallest and largest of each section`
    : undefined;
}
