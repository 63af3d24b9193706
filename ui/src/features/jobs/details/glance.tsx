'use client';

import Link from 'next/link';
import { Sketch } from '@/components/charts/sketch';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { Skeleton } from '@/components/ui/skeleton';
import type { CurveSeries, Job } from '../contract';
import { chartsOf, formatOf, formatStep } from '../curves/charts';
import { hasEnded, primaryOf } from '../model/job';

interface GlanceProps {
  job: Job;
  series: readonly CurveSeries[] | undefined;
  isLoading: boolean;
}

/** The two curves that say most, loss and the metric that decides. */
export function Glance({ job, series, isLoading }: GlanceProps) {
  const plans = chartsOf(series ?? [], primaryOf(job)).slice(0, 2);
  if (isLoading) return <Skeleton className="h-64 w-full rounded-lg" />;
  if (plans.length === 0 && hasEnded(job.status)) return null;
  return (
    <Card>
      <CardHeader
        title="Curves"
        actions={
          <Link
            href={`/jobs/${job.id}?tab=curves`}
            prefetch={false}
            className="rounded text-primary-text text-sm hover:underline"
          >
            All curves
          </Link>
        }
      />
      <CardContent className="grid gap-6 md:grid-cols-2">
        {plans.length === 0 && (
          <p className="py-10 text-center text-muted-foreground text-sm md:col-span-2">
            The first figures come as soon as training starts.
          </p>
        )}
        {plans.map((plan) => {
          const one = series?.find(({ name }) => name === plan.id);
          if (!one) return null;
          const yFormat = formatOf(plan.unit, plan.id);
          const last = one.values.findLast((value) => value !== null);
          return (
            <div key={plan.id} className="min-w-0">
              <h3 className="tabular mb-2 flex justify-between gap-2 text-muted-foreground text-xs">
                {plan.title}
                {last !== null && last !== undefined && (
                  <span className="font-medium text-foreground">{yFormat(last)}</span>
                )}
              </h3>
              <Sketch
                label={`${plan.title} by step`}
                x={one.steps}
                y={one.values}
                xFormat={formatStep}
                yFormat={yFormat}
              />
            </div>
          );
        })}
      </CardContent>
    </Card>
  );
}
