'use client';

import type { SweepOut } from '@less-is-more/client';
import { GraduationCap, Trophy } from 'lucide-react';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { hasEnded } from '@/features/jobs/model/job';
import { formatMetric, metricOf } from '@/features/jobs/model/metrics';
import { formatCompact, formatDuration } from '@/lib/format';
import { COSTS, formatValue, standingOf, standingWords } from '../trials';
import { bytesFormat } from './scale';

/** The settings that came out best, with what they reach, and the way to use them. */
export function BestTrial({ sweep, onTrain }: { sweep: SweepOut; onTrain: () => void }) {
  const { best } = sweep;
  if (best === null) {
    return (
      <Card>
        <CardHeader
          title="Best trial"
          description={
            hasEnded(sweep.status)
              ? 'No trial has been measured, so there is none.'
              : 'Shown as soon as the first trial has been measured.'
          }
        />
      </Card>
    );
  }
  const primary = best.primary ?? null;
  const formatMemory = bytesFormat(sweep.trials.flatMap((trial) => trial.peak_bytes ?? []));
  // The best one need not be on a front: another may be as good for less.
  const cheaper = COSTS.flatMap(({ value: cost }) => {
    const standing = primary === null ? null : standingOf(best, cost, sweep, primary);
    return standing?.kind === 'beaten' ? [standingWords(standing, cost, best.state)] : [];
  });
  return (
    <Card>
      <CardHeader
        title={
          <span className="inline-flex items-center gap-2">
            <Trophy className="size-4 text-primary-text" aria-hidden />
            {hasEnded(sweep.status) ? 'Best' : 'Best so far'}: trial {best.number}
          </span>
        }
        description="Compared on validation examples; the test examples are still unseen."
      />
      <CardContent className="grid gap-4">
        {primary !== null && (
          <p className="flex items-baseline gap-2" title={metricOf(primary).meaning}>
            <span className="tabular font-semibold text-3xl tracking-tight">
              {formatMetric(primary, best.value)}
            </span>
            <span className="text-muted-foreground text-sm">{metricOf(primary).title}</span>
          </p>
        )}
        <dl className="grid gap-2 text-sm">
          {Object.entries(best.values).map(([path, value]) => (
            <div key={path} className="flex items-baseline justify-between gap-4 border-b pb-2">
              <dt className="name min-w-0 font-mono text-muted-foreground text-xs">{path}</dt>
              <dd className="name tabular text-right font-medium font-mono text-xs">{formatValue(value)}</dd>
            </div>
          ))}
          {[
            ['Peak memory', best.peak_bytes == null ? '–' : formatMemory(best.peak_bytes)],
            ['Trained parameters', formatCompact(best.trainable_parameters)],
            ['Time', formatDuration(best.seconds)],
          ].map(([label, value]) => (
            <div key={label} className="flex items-baseline justify-between gap-4">
              <dt className="text-muted-foreground">{label}</dt>
              <dd className="tabular text-right">{value}</dd>
            </div>
          ))}
        </dl>
        {cheaper.map((words) => (
          <p key={words} className="text-muted-foreground text-sm">
            {words}
          </p>
        ))}
        <Button variant="primary" onClick={onTrain} className="h-auto min-h-8 whitespace-normal py-1">
          <GraduationCap aria-hidden /> Train the best on everything
        </Button>
      </CardContent>
    </Card>
  );
}
