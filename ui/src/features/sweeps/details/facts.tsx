'use client';

import type { SweepOut } from '@less-is-more/client';
import Link from 'next/link';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { KeyValues } from '@/components/ui/key-values';
import { RelativeTime } from '@/components/ui/relative-time';
import { DatasetName } from '@/features/jobs/list/names';
import { needWords, numberOf } from '@/features/jobs/model/job';
import { formatDuration } from '@/lib/format';
import { algorithmWords, searchOf } from '../trials';

/** What the sweep works on, and how it searches. */
export function SweepFacts({ sweep }: { sweep: SweepOut }) {
  const { algorithm, scheduler, seed } = searchOf(sweep);
  const atOnce = numberOf(sweep.resources.num_workers) ?? 1;
  return (
    <Card>
      <CardHeader title="Search" />
      <CardContent>
        <KeyValues
          className="sm:grid-cols-[repeat(2,minmax(6rem,max-content)_1fr)]"
          items={[
            [
              'Dataset',
              <Link
                key="dataset"
                href={`/datasets/${sweep.dataset_id}`}
                prefetch={false}
                className="text-primary-text hover:underline"
              >
                <DatasetName id={sweep.dataset_id} version={sweep.dataset_version} />
              </Link>,
            ],
            [
              'Model',
              sweep.model_id && (
                <Link
                  href={`/models/${sweep.model_id}`}
                  prefetch={false}
                  className="text-primary-text hover:underline"
                >
                  {sweep.model_id}
                </Link>
              ),
            ],
            ['Method', algorithmWords(algorithm?.type)],
            [
              'Weak trials',
              scheduler?.type === 'none'
                ? 'All train to their end'
                : `The best 1 in ${scheduler?.reduction_factor ?? 3} goes on after each decision`,
            ],
            ['Seed', String(seed ?? 0)],
            ['At once', String(atOnce)],
            ['Each trial', needWords({ ...sweep, resources: { ...sweep.resources, num_workers: 1 } })],
            ['Started', sweep.started_at ? <RelativeTime key="started" time={sweep.started_at} /> : null],
            ['Took', sweep.finished_at ? formatDuration(sweep.usage.wall_s) : null],
          ]}
        />
      </CardContent>
    </Card>
  );
}
