'use client';

import { ProblemError } from '@less-is-more/client';
import { Dices, ListChecks, Search } from 'lucide-react';
import { useMemo } from 'react';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { ErrorState } from '@/components/ui/error-state';
import { Input } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { cn } from '@/lib/cn';
import { formatCount, formatDuration, formatPercent } from '@/lib/format';
import { useUrlState } from '@/lib/url-state';
import { useDebounced } from '@/lib/use-debounced';
import { usePredictions } from '../api';
import type { Job, Prediction } from '../contract';
import { hasEnded } from '../model/job';
import { formatMetric, metricOf } from '../model/metrics';
import { ClipPlayer } from './clip-player';
import { diffWords } from './diff';
import { DiffLegend, DiffText } from './diff-text';

const DEFAULTS = { order: 'worst', seed: '0', say: '' };
const PAGE = 20;
type Order = 'worst' | 'best' | 'random';

/** What the result says of single test recordings: the worst, the best, or some at random. */
export function PredictionsTab({ job }: { job: Job }) {
  const [url, setUrl] = useUrlState(DEFAULTS);
  const order = (['worst', 'best', 'random'].includes(url.order) ? url.order : 'worst') as Order;
  const seed = Number.parseInt(url.seed, 10) || 0;
  const q = useDebounced(url.say);
  const query = usePredictions(job.id, { order, seed, q }, PAGE);
  const pages = query.data?.pages;
  const items = useMemo(() => pages?.flatMap((page) => page.items) ?? [], [pages]);
  const first = pages?.[0];
  const isMissing = query.error instanceof ProblemError && query.error.code === 'no_predictions';
  if (isMissing) {
    return (
      <div className="rounded-lg border border-dashed">
        <EmptyState
          icon={ListChecks}
          title={hasEnded(job.status) ? 'No predictions' : 'No predictions yet'}
          description={
            hasEnded(job.status)
              ? 'The job ended before its result was measured on the test examples.'
              : 'They are made at the end, when the result is measured on the test examples.'
          }
        />
      </div>
    );
  }
  return (
    <section aria-label="Predictions" className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <Segmented<Order>
          label="Order"
          value={order}
          onValueChange={(next) => setUrl({ order: next })}
          options={[
            { value: 'worst', label: 'Worst' },
            { value: 'best', label: 'Best' },
            { value: 'random', label: 'Random' },
          ]}
        />
        {order === 'random' && (
          <Button onClick={() => setUrl({ seed: String(seed + 1) })}>
            <Dices aria-hidden /> Draw others
          </Button>
        )}
        <div className="relative w-full sm:w-64">
          <Search
            className="pointer-events-none absolute top-2 left-2.5 size-4 text-muted-foreground"
            aria-hidden
          />
          <Input
            type="search"
            aria-label="Search predictions"
            placeholder="Search texts and files …"
            value={url.say}
            onChange={(event) => setUrl({ say: event.target.value })}
            className="pl-8"
          />
        </div>
        <p role="status" className="tabular text-muted-foreground text-xs">
          {first ? `${formatCount(first.total)} ${q ? 'matching' : 'in all'}` : ''}
        </p>
        <div className="ml-auto">
          <DiffLegend />
        </div>
      </div>
      <div
        aria-busy={query.isPlaceholderData || query.isPending}
        className={cn(query.isPlaceholderData && 'opacity-60')}
      >
        {query.error && !first ? (
          <div className="rounded-lg border bg-card">
            <ErrorState error={query.error} onRetry={() => void query.refetch()} />
          </div>
        ) : query.isPending ? (
          <div className="grid gap-2">
            {Array.from({ length: 5 }, (_, index) => (
              <Skeleton key={index} className="h-24 w-full rounded-lg" />
            ))}
          </div>
        ) : items.length === 0 ? (
          <div className="rounded-lg border border-dashed">
            <EmptyState
              icon={Search}
              title="Nothing matches"
              description="No reference, prediction or file has this text."
              actions={<Button onClick={() => setUrl({ say: '' })}>Clear the search</Button>}
            />
          </div>
        ) : (
          <ol className="grid gap-2">
            {items.map((item) => (
              <PredictionCard
                key={item.id}
                item={item}
                metric={first?.metric ?? ''}
                onExpired={() => void query.refetch()}
              />
            ))}
          </ol>
        )}
      </div>
      {query.hasNextPage && (
        <Button
          className="justify-self-center"
          busy={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </section>
  );
}

function PredictionCard({
  item,
  metric,
  onExpired,
}: {
  item: Prediction;
  metric: string;
  onExpired: () => void;
}) {
  return (
    <li className="rounded-lg border bg-card p-4">
      <div className="mb-2.5 flex flex-wrap items-center gap-x-3 gap-y-1.5">
        <MetricBadge item={item} metric={metric} />
        <span className="name min-w-0 truncate font-mono text-muted-foreground text-xs" title={item.id}>
          {item.id}
        </span>
        {item.group && <Badge tone="outline">{item.group}</Badge>}
        <div className="ml-auto">
          {item.audio_url ? (
            <ClipPlayer
              src={item.audio_url}
              label={item.id}
              durationS={item.duration_s}
              onError={onExpired}
            />
          ) : (
            item.duration_s !== null && (
              <span className="tabular text-muted-foreground text-xs">{formatDuration(item.duration_s)}</span>
            )
          )}
        </div>
      </div>
      {typeof item.reference === 'string' && typeof item.hypothesis === 'string' && item.scores === null ? (
        <Texts reference={item.reference} hypothesis={item.hypothesis} />
      ) : (
        <Labels item={item} />
      )}
    </li>
  );
}

function MetricBadge({ item, metric }: { item: Prediction; metric: string }) {
  if (item.value === null) return null;
  if (metric === 'correct')
    return <Badge tone={item.value > 0 ? 'success' : 'danger'}>{item.value > 0 ? 'right' : 'wrong'}</Badge>;
  const isPerfect = metricOf(metric).better === 'lower' ? item.value === 0 : item.value >= 1;
  return (
    <Badge tone={isPerfect ? 'success' : 'warning'} className="tabular">
      {metricOf(metric).title} {formatMetric(metric, item.value)}
    </Badge>
  );
}

function Texts({ reference, hypothesis }: { reference: string; hypothesis: string }) {
  const diff = useMemo(() => diffWords(reference, hypothesis), [reference, hypothesis]);
  return (
    <dl className="grid gap-x-4 gap-y-1.5 text-sm sm:grid-cols-[5.5rem_1fr]">
      <dt className="text-muted-foreground text-xs sm:pt-0.5">Reference</dt>
      <dd className="min-w-0">
        <DiffText words={diff.reference} empty="(nothing is said)" />
      </dd>
      <dt className="text-muted-foreground text-xs sm:pt-0.5">Prediction</dt>
      <dd className="min-w-0">
        <DiffText words={diff.hypothesis} empty="(nothing was recognised)" />
      </dd>
    </dl>
  );
}

const SCORES_SHOWN = 5;

/** Classes, captions, or what else is a list: as such, with the most probable classes below. */
function Labels({ item }: { item: Prediction }) {
  const scores = Object.entries(item.scores ?? {})
    .sort((a, b) => b[1] - a[1])
    .slice(0, SCORES_SHOWN);
  return (
    <dl className="grid gap-x-4 gap-y-1.5 text-sm sm:grid-cols-[5.5rem_1fr]">
      <dt className="text-muted-foreground text-xs sm:pt-0.5">Reference</dt>
      <dd dir="auto" className="name min-w-0">
        {listed(item.reference)}
      </dd>
      <dt className="text-muted-foreground text-xs sm:pt-0.5">Prediction</dt>
      <dd dir="auto" className="name min-w-0">
        {listed(item.hypothesis)}
      </dd>
      {scores.length > 0 && (
        <>
          <dt className="text-muted-foreground text-xs sm:pt-0.5">Probability</dt>
          <dd className="grid min-w-0 gap-1">
            {scores.map(([label, score]) => (
              <span
                key={label}
                className="grid grid-cols-[minmax(0,10rem)_1fr_3.5rem] items-center gap-2 text-xs"
              >
                <span className="name truncate" title={label}>
                  {label}
                </span>
                <span className="h-1.5 overflow-hidden rounded-full bg-muted" aria-hidden>
                  <span
                    className="block h-full rounded-full bg-primary"
                    style={{ width: `${score * 100}%` }}
                  />
                </span>
                <span className="tabular text-right text-muted-foreground">{formatPercent(score)}</span>
              </span>
            ))}
          </dd>
        </>
      )}
    </dl>
  );
}

function listed(value: string | string[]): string {
  if (typeof value === 'string') return value || '(nothing)';
  return value.length > 0 ? value.join('; ') : '(nothing)';
}
