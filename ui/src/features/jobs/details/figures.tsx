'use client';

import type { ReactNode } from 'react';
import { Hint } from '@/components/ui/hint';
import { formatBytes, formatDuration, formatNumber, formatWords } from '@/lib/format';
import type { CurveSeries, Job } from '../contract';
import { lastAndBest } from '../curves/points';
import { fieldsOf, measured, numberOf, primaryOf, textOf, valuesOf } from '../model/job';
import { formatMetric, metricOf } from '../model/metrics';

interface Figure {
  label: string;
  value: string;
  note?: ReactNode;
  hint?: string;
}

/** The figures that one looks for first, the best beside the last. */
export function Figures({ job, series }: { job: Job; series: readonly CurveSeries[] | undefined }) {
  const figures = figuresOf(job, series ?? []);
  if (figures.length === 0) return null;
  return (
    <dl className="grid grid-cols-2 rounded-lg border bg-card sm:grid-cols-3 xl:grid-cols-4">
      {figures.map(({ label, value, note, hint }) => (
        <div
          key={label}
          className="px-4 py-3 shadow-[1px_0_0_var(--border),0_1px_0_var(--border)] nth-last-1:shadow-[1px_0_0_var(--border)]"
        >
          <dt className="text-muted-foreground text-xs">
            {hint ? <Hint content={hint}>{label}</Hint> : label}
          </dt>
          <dd className="tabular mt-0.5 font-semibold text-xl tracking-tight">{value}</dd>
          {note && <dd className="tabular text-muted-foreground text-xs">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}

function figuresOf(job: Job, series: readonly CurveSeries[]): Figure[] {
  const figures: Figure[] = [];
  const primary = primaryOf(job);
  const { base, tuned, validation } = measured(job);
  if (primary !== null) {
    const { title, meaning, better } = metricOf(primary);
    const curve = series.find((one) => one.name === `validation/${primary}`);
    const extremes = curve ? lastAndBest(curve, better) : null;
    const after = tuned[primary];
    if (after !== undefined) {
      figures.push({
        label: `${title} of the result`,
        value: formatMetric(primary, after),
        hint: meaning,
        ...(base[primary] === undefined ? {} : { note: `base ${formatMetric(primary, base[primary])}` }),
      });
    } else if (base[primary] !== undefined) {
      figures.push({
        label: `${title} of the base`,
        value: formatMetric(primary, base[primary]),
        hint: meaning,
      });
    }
    if (extremes) {
      figures.push({
        label: `Best validation ${title}`,
        value: formatMetric(primary, extremes.best.value),
        hint: meaning,
        note: `at step ${extremes.best.step} · last ${formatMetric(primary, extremes.last.value)}`,
      });
    } else if (validation[primary] !== undefined) {
      figures.push({
        label: `Validation ${title}`,
        value: formatMetric(primary, validation[primary]),
        hint: meaning,
      });
    }
  }
  const loss = numberOf(job.metrics.loss);
  if (loss !== null) {
    const curve = series.find((one) => one.name === 'loss');
    const extremes = curve ? lastAndBest(curve, 'lower') : null;
    figures.push({
      label: 'Training loss',
      value: formatNumber(loss),
      hint: metricOf('loss').meaning,
      ...(extremes
        ? { note: `best ${formatNumber(extremes.best.value)} at step ${extremes.best.step}` }
        : {}),
    });
  }
  return [...figures, ...costsOf(job), ...ofOtherKinds(job)];
}

function costsOf(job: Job): Figure[] {
  const figures: Figure[] = [];
  const result = fieldsOf(job.result);
  const rate = numberOf(job.metrics.cost_per_s) ?? numberOf(result.cost_per_s);
  const unit = textOf(job.metrics.cost_unit) ?? textOf(result.cost_unit);
  if (rate !== null && rate > 0) {
    const isAudio = unit === 'audio_s';
    figures.push({
      label: 'Speed',
      value: isAudio ? `${formatNumber(rate, 3)} ×` : `${formatNumber(rate, 3)} /s`,
      note: isAudio ? 'seconds of audio per second' : `${unit ?? 'units'} per second`,
    });
  }
  const peak = numberOf(result.peak_bytes) ?? numberOf(job.metrics.peak_bytes);
  if (peak !== null)
    figures.push({ label: 'Peak memory', value: formatBytes(peak), note: 'of the largest worker' });
  const trained = numberOf(result.trainable_parameters);
  const total = numberOf(result.total_parameters);
  if (trained !== null && total)
    figures.push({
      label: 'Trained weights',
      value: trained.toLocaleString('en-GB'),
      note: `${formatNumber((trained / total) * 100, 3)} % of ${total.toLocaleString('en-GB')}`,
    });
  if (job.usage.wall_s > 0)
    figures.push({ label: 'Run time', value: formatDuration(job.usage.wall_s), note: 'over all attempts' });
  return figures;
}

function ofOtherKinds(job: Job): Figure[] {
  const result = fieldsOf(job.result);
  if (job.type === 'ingestion') {
    const audio = numberOf(result.audio_s);
    const items = numberOf(result.utterances) ?? numberOf(job.metrics.items_read);
    return [
      ...(items === null ? [] : [{ label: 'Usable items', value: items.toLocaleString('en-GB') }]),
      ...(audio === null ? [] : [{ label: 'Audio', value: formatDuration(audio) }]),
      ...(numberOf(result.size) === null
        ? []
        : [{ label: 'Size', value: formatBytes(numberOf(result.size)) }]),
    ];
  }
  if (job.type === 'sweep') {
    const ended = numberOf(job.metrics.trials_ended);
    const best = numberOf(job.metrics.best_value);
    const primary = primaryOf(job);
    return [
      ...(ended === null ? [] : [{ label: 'Trials', value: String(ended) }]),
      ...(best === null || primary === null
        ? []
        : [
            {
              label: `Best ${metricOf(primary).title}`,
              value: formatMetric(primary, best),
              note: `trial ${numberOf(job.metrics.best_trial) ?? '–'}`,
            },
          ]),
    ];
  }
  if (job.type === 'selection') {
    return Object.entries(valuesOf(result.figures))
      .slice(0, 8)
      .map(([name, value]) => ({
        label: formatWords(name.replace(/_s$/, '')),
        value: name.endsWith('_s') ? formatDuration(value) : formatNumber(value),
      }));
  }
  return [];
}
