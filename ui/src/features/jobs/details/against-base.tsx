'use client';

import { useQuery } from '@tanstack/react-query';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { Card, CardHeader } from '@/components/ui/card';
import { cn } from '@/lib/cn';
import { keys } from '@/lib/query-keys';
import { readPredictions } from '../api';
import type { Job, Predictions } from '../contract';
import { type Counted, type Interval, intervalOf } from '../model/bootstrap';
import { fieldsOf, measured, numberOf, primaryOf, textOf } from '../model/job';
import { formatMetric, isBetter, metricOf } from '../model/metrics';

/** Intervals are computed from every test example; more than this are not fetched for it. */
const MOST_EXAMPLES = 1000;
const PAGE = 200;

/** Metrics of the base beside those of the result, with how sure they are. */
export function AgainstBase({ job }: { job: Job }) {
  const { base, tuned } = measured(job);
  const names = [...new Set([...Object.keys(tuned), ...Object.keys(base)])];
  const primary = primaryOf(job);
  const interval = useInterval(job, primary);
  if (names.length === 0) return null;
  const hasBase = Object.keys(base).length > 0;
  const examples = numberOf(fieldsOf(job.result).test_examples) ?? numberOf(fieldsOf(job.result).examples);
  const form = textOf(fieldsOf(fieldsOf(job.result).facts).gates);
  return (
    <Card>
      <CardHeader
        title={hasBase ? 'Base against result' : 'Result'}
        description={
          examples === null
            ? undefined
            : `Both measured on the same ${examples} examples${job.type === 'training' ? ', which training never saw' : ''}.${form ? ` Gates: ${form}.` : ''}`
        }
      />
      <div className="overflow-x-auto px-1 pb-2">
        <table className="w-full text-sm">
          <thead>
            <tr className="text-muted-foreground text-xs">
              <th scope="col" className="px-3 py-1.5 text-left font-medium">
                Metric
              </th>
              {hasBase && (
                <th scope="col" className="px-3 py-1.5 text-right font-medium">
                  Base
                </th>
              )}
              <th scope="col" className="px-3 py-1.5 text-right font-medium">
                Result
              </th>
              {hasBase && (
                <th scope="col" className="px-3 py-1.5 text-right font-medium">
                  Change
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {names.map((name) => (
              <tr key={name} className="border-t">
                <th scope="row" className="px-3 py-2 text-left font-normal" title={metricOf(name).meaning}>
                  <span className={cn(name === primary && 'font-medium')}>{metricOf(name).title}</span>
                </th>
                {hasBase && (
                  <td className="whitespace-nowrap px-3 py-2 text-right">{formatMetric(name, base[name])}</td>
                )}
                <td className="whitespace-nowrap px-3 py-2 text-right">
                  <span className={cn(name === primary && 'font-semibold')}>
                    {formatMetric(name, tuned[name])}
                  </span>
                  {name === primary && interval && (
                    <span
                      className="block text-2xs text-muted-foreground"
                      title="95 % interval: with other test recordings of the same kind, the value would lie here in 95 of 100 cases."
                    >
                      {formatMetric(name, interval.low)} to {formatMetric(name, interval.high)}
                    </span>
                  )}
                </td>
                {hasBase && (
                  <td className="whitespace-nowrap px-3 py-2 text-right">
                    <Change name={name} before={base[name]} after={tuned[name]} />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {interval && (
        <Judgement name={primary} before={primary ? base[primary] : undefined} interval={interval} />
      )}
    </Card>
  );
}

function Change({
  name,
  before,
  after,
}: {
  name: string;
  before: number | undefined;
  after: number | undefined;
}) {
  if (before === undefined || after === undefined) return <span className="text-muted-foreground">–</span>;
  if (before === after) return <span className="text-muted-foreground">none</span>;
  const better = isBetter(name, after, before);
  const Icon = after > before ? ArrowUp : ArrowDown;
  const share = metricOf(name).unit === 'share';
  const size = share
    ? `${(Math.abs(after - before) * 100).toFixed(1)} points`
    : formatMetric(name, Math.abs(after - before));
  return (
    <span className={cn('inline-flex items-center gap-1', better ? 'text-success-text' : 'text-danger-text')}>
      <Icon className="size-3.5" aria-hidden />
      {size} {better ? 'better' : 'worse'}
    </span>
  );
}

/** Whether the change is more than chance, in a sentence. */
function Judgement({
  name,
  before,
  interval,
}: {
  name: string | null;
  before: number | undefined;
  interval: Interval;
}) {
  if (name === null || before === undefined) return null;
  const isInside = before >= interval.low && before <= interval.high;
  return (
    <p className="border-t px-4 py-2.5 text-muted-foreground text-xs">
      {isInside
        ? 'The base lies within the interval of the result: with this many test examples the difference may be chance. More test recordings would tell.'
        : 'The base lies outside the interval of the result: the difference is more than chance.'}
    </p>
  );
}

/** The interval of an error rate, from the errors in each test example. */
function useInterval(job: Job, primary: string | null): Interval | null {
  const total = numberOf(fieldsOf(job.result).test_examples) ?? numberOf(fieldsOf(job.result).examples) ?? 0;
  const enabled = job.status === 'succeeded' && primary === 'wer' && total > 0 && total <= MOST_EXAMPLES;
  const filters = { order: 'worst', seed: 0, q: '' } as const;
  const { data } = useQuery({
    queryKey: keys.jobs.part(job.id, 'interval'),
    queryFn: async ({ signal }) => {
      const counted: Counted[] = [];
      let offset: number | null = 0;
      while (offset !== null && counted.length < MOST_EXAMPLES) {
        const page: Predictions = await readPredictions(job.id, filters, offset, PAGE, signal);
        for (const { word_errors: errors, words } of page.items) {
          if (errors === null || words === null) return null;
          counted.push({ errors, of: words });
        }
        offset = page.next_offset;
      }
      return intervalOf(counted);
    },
    enabled,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  return data ?? null;
}
