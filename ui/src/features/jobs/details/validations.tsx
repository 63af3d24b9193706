'use client';

import { Card, CardHeader } from '@/components/ui/card';
import { cn } from '@/lib/cn';
import { formatNumber } from '@/lib/format';
import type { CurveSeries, Job } from '../contract';
import { bestIndex, formatMetric, metricOf } from '../model/metrics';

const SHOWN = 12;

interface Row {
  step: number;
  epoch: number | null;
  loss: number | null;
  metrics: (number | null)[];
}

/** Value of a series at a step or, for what is measured more often, at the last step before it. */
function at(series: CurveSeries | undefined, step: number): number | null {
  if (!series) return null;
  let value: number | null = null;
  for (let index = 0; index < series.steps.length; index += 1) {
    if ((series.steps[index] ?? 0) > step) break;
    value = series.values[index] ?? value;
  }
  return value;
}

export function rowsOf(
  series: readonly CurveSeries[],
  epochsPerStep: number | null,
): { names: string[]; rows: Row[] } {
  const measured = series.filter((one) => one.name.startsWith('validation/'));
  const steps = [...new Set(measured.flatMap((one) => one.steps))].sort((a, b) => a - b);
  const loss = series.find((one) => one.name === 'loss');
  return {
    names: measured.map((one) => one.name.slice('validation/'.length)),
    rows: steps.map((step) => ({
      step,
      epoch: epochsPerStep === null ? null : step * epochsPerStep,
      loss: at(loss, step),
      metrics: measured.map((one) => one.values[one.steps.indexOf(step)] ?? null),
    })),
  };
}

/** Each measurement on the validation examples, newest first, with epoch and training loss. */
export function Validations({ job, series }: { job: Job; series: readonly CurveSeries[] | undefined }) {
  const { names, rows } = rowsOf(series ?? [], job.epoch !== null && job.step ? job.epoch / job.step : null);
  if (rows.length === 0) return null;
  const best = names.map((name, column) =>
    bestIndex(
      name,
      rows.map((row) => row.metrics[column]),
    ),
  );
  const isBest = (column: number, row: Row) => {
    const at = best[column];
    return at !== null && at !== undefined && row.metrics[column] === rows[at]?.metrics[column];
  };
  const hasEpochs = rows.some((row) => row.epoch !== null);
  const newest = rows.toReversed();
  return (
    <Card>
      <CardHeader
        title="Epochs and validation"
        description="Measured during training, on examples held back for it."
      />
      <section
        className="max-h-96 overflow-auto px-1 pb-2"
        aria-label="Epochs and validation"
        tabIndex={rows.length > SHOWN ? 0 : undefined}
      >
        <table className="w-full text-sm">
          <thead className="sticky top-0 bg-card">
            <tr className="text-muted-foreground text-xs">
              <th scope="col" className="px-3 py-1.5 text-left font-medium">
                Step
              </th>
              {hasEpochs && (
                <th scope="col" className="px-3 py-1.5 text-right font-medium">
                  Epoch
                </th>
              )}
              <th scope="col" className="px-3 py-1.5 text-right font-medium">
                Training loss
              </th>
              {names.map((name) => (
                <th
                  key={name}
                  scope="col"
                  className="px-3 py-1.5 text-right font-medium"
                  title={metricOf(name).meaning}
                >
                  {metricOf(name).title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {newest.map((row) => (
              <tr key={row.step} className="border-t">
                <th scope="row" className="px-3 py-1.5 text-left font-normal">
                  {row.step}
                </th>
                {hasEpochs && (
                  <td className="whitespace-nowrap px-3 py-1.5 text-right">{formatNumber(row.epoch, 3)}</td>
                )}
                <td className="whitespace-nowrap px-3 py-1.5 text-right">{formatNumber(row.loss)}</td>
                {names.map((name, column) => (
                  <td
                    key={name}
                    className={cn(
                      'whitespace-nowrap px-3 py-1.5 text-right',
                      isBest(column, row) && 'font-semibold text-success-text',
                    )}
                  >
                    {formatMetric(name, row.metrics[column])}
                    {isBest(column, row) && <span className="ml-1.5 font-normal text-2xs">best</span>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Card>
  );
}
