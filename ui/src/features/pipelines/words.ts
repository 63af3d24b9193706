/** What stages are called, and what came of them. */

import type { PipelineOut, StageOut } from '@less-is-more/client';
import { fieldsOf, numberOf, textOf, valuesOf } from '@/features/jobs/model/job';
import { formatMetric, metricOf } from '@/features/jobs/model/metrics';
import { formatDuration, formatPercent, formatWords, plural } from '@/lib/format';

const TYPES: Record<string, string> = {
  ingest: 'Waits for the dataset',
  validate: 'Checks the recordings',
  select: 'Chooses the most useful recordings',
  sweep: 'Searches good settings',
  train: 'Trains',
  evaluate: 'Measures base and result',
  compare: 'Lets pass what is good enough',
  export: 'Makes a version of an adapter',
};

export function stageWords(type: string): string {
  return TYPES[type] ?? formatWords(type);
}

/** "2 of 6 stages done, train runs". */
export function progressWords(pipeline: Pick<PipelineOut, 'stages'>): string {
  const done = pipeline.stages.filter((stage) => stage.status === 'succeeded').length;
  const running = pipeline.stages.filter((stage) => stage.status === 'running').map((stage) => stage.name);
  const words = `${done} of ${plural(pipeline.stages.length, 'stage')} done`;
  return running.length > 0
    ? `${words}, ${running.join(' and ')} ${running.length > 1 ? 'run' : 'runs'}`
    : words;
}

/** The colour of the bar of a pipeline. */
export function progressTone(status: string): 'primary' | 'success' | 'warning' | 'danger' {
  if (status === 'failed') return 'danger';
  if (status === 'succeeded') return 'success';
  return status === 'stopped' || status === 'stopping' ? 'warning' : 'primary';
}

/** What a stage has found, in a few words; null where it says nothing. */
export function resultWords(stage: Pick<StageOut, 'result'>): string | null {
  const result = fieldsOf(stage.result);
  const words: string[] = [];
  const primary = textOf(result.primary);
  if (primary !== null) {
    const tuned = valuesOf(result.tuned)[primary];
    const base = valuesOf(result.base)[primary];
    if (tuned !== undefined) words.push(`${metricOf(primary).title} ${formatMetric(primary, tuned)}`);
    if (base !== undefined) words.push(`base ${formatMetric(primary, base)}`);
  }
  const utterances = numberOf(result.utterances);
  if (utterances !== null) words.push(plural(utterances, 'recording'));
  const audio = numberOf(result.audio_s);
  if (audio !== null) words.push(`${formatDuration(audio)} of audio`);
  const aside = numberOf(result.set_aside_share);
  if (aside !== null) words.push(`${formatPercent(aside)} set aside`);
  const version = numberOf(result.version) ?? numberOf(result.number);
  if (version !== null && textOf(result.adapter_id) !== null) words.push(`version ${version}`);
  return words.length > 0 ? words.join(' · ') : null;
}

/** The job that a stage ran: a sweep has its own page. */
export function jobHref(stage: Pick<StageOut, 'type'>, jobId: string): string {
  return stage.type === 'sweep' ? `/sweeps/${jobId}` : `/jobs/${jobId}`;
}

/** What a stage asks for, in a few words each. */
export function askedWords(stage: Pick<StageOut, 'type' | 'settings'>): string[] {
  const { settings } = stage;
  const words: string[] = [];
  if (stage.type === 'validate') {
    const utterances = numberOf(settings.least_utterances);
    if (utterances !== null && utterances > 1) words.push(`at least ${plural(utterances, 'recording')}`);
    const audio = numberOf(settings.least_audio_s);
    if (audio !== null && audio > 0) words.push(`at least ${formatDuration(audio)} of audio`);
    const share = numberOf(settings.most_set_aside_share);
    if (share !== null && share < 1) words.push(`at most ${formatPercent(share, 0)} rejected`);
    if (Array.isArray(settings.refuse))
      words.push(...settings.refuse.map((code) => `no ${formatWords(String(code)).toLowerCase()}`));
  }
  if (stage.type === 'compare') {
    const gates = Array.isArray(settings.gates) ? settings.gates : [];
    words.push(...gates.map((gate) => gateWords(fieldsOf(gate))).filter((gate) => gate !== ''));
    const adapter = textOf(settings.not_worse_than);
    if (adapter !== null) words.push(`not worse than the newest version of ${adapter}`);
  }
  if (stage.type === 'select') {
    const share = numberOf(fieldsOf(fieldsOf(settings.selection).budget).fraction);
    if (share !== null) words.push(`${formatPercent(share, 0)} of the audio`);
  }
  if (stage.type === 'sweep') {
    const trials = numberOf(fieldsOf(fieldsOf(settings.search).algorithm).trials);
    if (trials !== null) words.push(plural(trials, 'trial'));
  }
  return words;
}

function gateWords(gate: Record<string, unknown>): string {
  const name = textOf(gate.metric) ?? 'primary';
  const title = name === 'primary' ? 'main metric' : metricOf(name).title;
  // Of the main metric it is not known here whether it is a share: as the person entered it.
  const shown = (value: number) => (name === 'primary' ? String(value) : formatMetric(name, value));
  const most = numberOf(gate.at_most);
  const least = numberOf(gate.at_least);
  if (most !== null) return `${title} at most ${shown(most)}`;
  if (least !== null) return `${title} at least ${shown(least)}`;
  if (gate.better_than_base !== true) return '';
  return name === 'primary' ? 'better than its base' : `${title} better than its base`;
}

export interface Failure {
  title: string;
  /** What did not hold, one each; empty where the title says all. */
  reasons: string[];
}

/** Where the next reason begins; a reason itself may have two parts. */
const NEXT_REASON = /; (?=its? |\d+ of |the [\w-]+ of its base |version \d)/;
const NOT_GOOD_ENOUGH = /^(.+?)(?: is best, and)? (?:is )?not good enough: (.+?)\.(?: See GET \S+)?$/s;

/** Why a stage failed: the platform lists the gates that were not passed in one sentence. */
export function failureOf(error: string): Failure {
  const found = NOT_GOOD_ENOUGH.exec(error);
  if (!found) return { title: error, reasons: [] };
  const [, what = '', reasons = ''] = found;
  return {
    title: `${what.charAt(0).toUpperCase()}${what.slice(1)} ${error.includes(' is best, and ') ? 'is best, but ' : 'is '}not good enough`,
    reasons: reasons.split(NEXT_REASON).map((reason) => reason.charAt(0).toUpperCase() + reason.slice(1)),
  };
}
