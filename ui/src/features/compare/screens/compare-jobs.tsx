'use client';

import { Download, GitCompareArrows, Pin, X } from 'lucide-react';
import dynamic from 'next/dynamic';
import Link from 'next/link';
import { type ReactNode, useMemo } from 'react';
import { Button } from '@/components/ui/button';
import { Card, CardHeader } from '@/components/ui/card';
import { EmptyState } from '@/components/ui/empty-state';
import { ErrorState } from '@/components/ui/error-state';
import { Label } from '@/components/ui/label';
import { PageHeader } from '@/components/ui/page-header';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { Switch } from '@/components/ui/switch';
import { saveBlob, useJobsByIds } from '@/features/jobs/api';
import { shownLeaf } from '@/features/jobs/config/tree';
import type { Job } from '@/features/jobs/contract';
import { DatasetName } from '@/features/jobs/list/names';
import { primaryOf } from '@/features/jobs/model/job';
import { formatMetric, isBetter, metricOf } from '@/features/jobs/model/metrics';
import { cn } from '@/lib/cn';
import { formatBytes, formatDuration, formatNumber, formatWords } from '@/lib/format';
import { useUrlState } from '@/lib/url-state';
import { JobPicker } from '../job-picker';
import { csvOf, type MetricRow, metricsOf, settingsOf } from '../table';

const ComparedCurves = dynamic(() => import('../compared-curves').then((module) => module.ComparedCurves), {
  ssr: false,
  loading: () => <Skeleton className="h-72 w-full rounded-lg" />,
});

const DEFAULTS = { ids: '', baseline: '', all: '' };
const MOST = 8;
const UUID = /^[0-9a-f-]{36}$/i;

/** Some jobs side by side: metrics, only the settings that differ, and their curves in the same charts. */
export function CompareJobsScreen() {
  const [url, setUrl] = useUrlState(DEFAULTS);
  const ids = useMemo(
    () => [...new Set(url.ids.split(',').filter((id) => UUID.test(id)))].slice(0, MOST),
    [url.ids],
  );
  const answers = useJobsByIds(ids);
  const baseline = ids.includes(url.baseline) ? url.baseline : null;
  const setIds = (next: readonly string[]) => setUrl({ ids: next.join(',') });
  const picker = ids.length < MOST ? <JobPicker chosen={ids} onAdd={(id) => setIds([...ids, id])} /> : null;
  const header = (actions: ReactNode) => (
    <PageHeader
      title="Compare jobs"
      crumbs={[{ label: 'Training jobs', href: '/jobs' }]}
      description="Where they differ, and which is best. The address of this page keeps the choice: share it or come back to it."
      actions={actions}
    />
  );
  if (ids.length === 0) {
    return (
      <>
        {header(null)}
        <div className="rounded-lg border border-dashed">
          <EmptyState
            icon={GitCompareArrows}
            title="Choose jobs to compare"
            description="Add two or more here, or mark them in the list of jobs."
            actions={picker}
          />
        </div>
      </>
    );
  }
  const failed = answers.find((answer) => answer.error && !answer.data);
  const jobs = answers.flatMap((answer) => (answer.data ? [answer.data] : []));
  if (failed && jobs.length === 0) {
    return (
      <>
        {header(picker)}
        <div className="rounded-lg border bg-card">
          <ErrorState error={failed.error} onRetry={() => void failed.refetch()} />
        </div>
      </>
    );
  }
  const isLoading = answers.some((answer) => answer.isPending);
  return (
    <>
      {header(
        <>
          <ExportButton jobs={jobs} isAll={url.all === '1'} />
          {picker}
        </>,
      )}
      {isLoading && jobs.length === 0 ? (
        <Skeleton className="h-96 w-full rounded-lg" />
      ) : (
        <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
          {failed && (
            <p role="status" className="text-muted-foreground text-sm">
              {ids.length - jobs.length} of the jobs cannot be read: deleted, or not yours.
            </p>
          )}
          <Tables
            jobs={jobs}
            baseline={baseline}
            isAll={url.all === '1'}
            onAll={(all) => setUrl({ all: all ? '1' : '' })}
            onBaseline={(id) => setUrl({ baseline: id === baseline ? '' : id })}
            onRemove={(id) => setIds(ids.filter((one) => one !== id))}
          />
          <section aria-labelledby="compared-curves" className="grid gap-3 pt-2">
            <h2 id="compared-curves" className="font-semibold text-base">
              Curves
            </h2>
            <ComparedCurves ids={jobs.map((job) => job.id)} primary={jobs[0] ? primaryOf(jobs[0]) : null} />
          </section>
        </div>
      )}
    </>
  );
}

function ExportButton({ jobs, isAll }: { jobs: readonly Job[]; isAll: boolean }) {
  const save = () => {
    const csv = csvOf(jobs, metricsOf(jobs), settingsOf(jobs, !isAll));
    saveBlob(new Blob([csv], { type: 'text/csv;charset=utf-8' }), 'comparison.csv');
  };
  return (
    <Button onClick={save} disabled={jobs.length === 0}>
      <Download aria-hidden /> CSV
    </Button>
  );
}

interface TablesProps {
  jobs: readonly Job[];
  baseline: string | null;
  isAll: boolean;
  onAll: (all: boolean) => void;
  onBaseline: (id: string) => void;
  onRemove: (id: string) => void;
}

function Tables({ jobs, baseline, isAll, onAll, onBaseline, onRemove }: TablesProps) {
  const metrics = useMemo(() => metricsOf(jobs), [jobs]);
  const settings = useMemo(() => settingsOf(jobs, !isAll), [jobs, isAll]);
  const reference = jobs.findIndex((job) => job.id === baseline);
  const groups = [...new Set(metrics.map((row) => row.group))];
  return (
    <Card className="min-w-0">
      <CardHeader
        title="Metrics and settings"
        description={
          reference >= 0
            ? 'Differences are against the pinned job.'
            : 'Pin a job to see every difference against it.'
        }
        actions={
          <>
            <Switch id="compare-all" checked={isAll} onCheckedChange={onAll} />
            <Label htmlFor="compare-all" className="font-normal">
              All settings
            </Label>
          </>
        }
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section aria-label="Comparison" tabIndex={0} className="overflow-x-auto border-t">
        <table className="w-full text-sm">
          <thead>
            <tr className="border-b align-top">
              <td className="sticky left-0 z-10 min-w-36 bg-card" />
              {jobs.map((job, index) => (
                <th
                  key={job.id}
                  scope="col"
                  className={cn(
                    'min-w-44 px-3 py-2.5 text-left font-normal',
                    job.id === baseline && 'bg-primary-soft',
                  )}
                >
                  <JobHead
                    job={job}
                    color={`var(--chart-${(index % 8) + 1})`}
                    isBaseline={job.id === baseline}
                    onBaseline={() => onBaseline(job.id)}
                    onRemove={() => onRemove(job.id)}
                  />
                </th>
              ))}
            </tr>
          </thead>
          {groups.map((group) => (
            <tbody key={group}>
              <GroupHead label={group} columns={jobs.length + 1} />
              {metrics
                .filter((row) => row.group === group)
                .map((row) => (
                  <MetricCells key={row.name} row={row} jobs={jobs} reference={reference} />
                ))}
            </tbody>
          ))}
          <tbody>
            <GroupHead label={isAll ? 'All settings' : 'Settings that differ'} columns={jobs.length + 1} />
            {settings.map((row) => (
              <tr key={row.path} className="border-t">
                <RowHead label={row.path} isCode />
                {jobs.map((job, index) => {
                  const differs =
                    reference >= 0 &&
                    JSON.stringify(row.values[index]) !== JSON.stringify(row.values[reference]);
                  return (
                    <td
                      key={job.id}
                      className={cn(
                        'name px-3 py-1.5',
                        job.id === baseline && 'bg-primary-soft',
                        differs && 'font-medium text-warning-text',
                      )}
                    >
                      {row.path === 'dataset' ? (
                        <DatasetName id={job.dataset_id} />
                      ) : (
                        shownLeaf(row.values[index])
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
            {settings.length === 0 && (
              <tr className="border-t">
                <td colSpan={jobs.length + 1} className="px-4 py-3 text-muted-foreground">
                  {jobs.length < 2
                    ? 'Add another job to see where they differ.'
                    : 'None: all settings are the same.'}
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </section>
    </Card>
  );
}

interface JobHeadProps {
  job: Job;
  color: string;
  isBaseline: boolean;
  onBaseline: () => void;
  onRemove: () => void;
}

function JobHead({ job, color, isBaseline, onBaseline, onRemove }: JobHeadProps) {
  return (
    <div className="grid gap-1.5">
      <div className="flex items-start gap-2">
        <span className="mt-1.5 size-2.5 shrink-0 rounded-full" style={{ background: color }} aria-hidden />
        <Link
          href={`/jobs/${job.id}`}
          prefetch={false}
          title={job.name}
          dir="auto"
          className="name line-clamp-2 min-w-0 flex-1 rounded font-medium hover:underline"
        >
          {job.name}
        </Link>
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label={isBaseline ? `Unpin ${job.name}` : `Pin ${job.name} as the baseline`}
          aria-pressed={isBaseline}
          onClick={onBaseline}
          className="-mt-1"
        >
          <Pin className={cn(isBaseline && 'fill-current text-primary-text')} aria-hidden />
        </Button>
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label={`Remove ${job.name} from the comparison`}
          onClick={onRemove}
          className="-mt-1 -ml-2"
        >
          <X aria-hidden />
        </Button>
      </div>
      <div className="pl-4.5">
        <StatusBadge status={job.status} />
      </div>
    </div>
  );
}

function GroupHead({ label, columns }: { label: string; columns: number }) {
  return (
    <tr className="border-t bg-muted/60">
      <th
        scope="colgroup"
        colSpan={columns}
        className="px-4 py-1.5 text-left font-medium text-muted-foreground text-xs"
      >
        {label}
      </th>
    </tr>
  );
}

function RowHead({
  label,
  isCode = false,
  title,
}: {
  label: string;
  isCode?: boolean;
  title?: string | undefined;
}) {
  return (
    <th
      scope="row"
      title={title}
      className={cn(
        'name sticky left-0 z-10 min-w-32 max-w-32 bg-card px-4 sm:max-w-60 py-1.5 text-left font-normal',
        isCode && 'font-mono text-muted-foreground text-xs',
      )}
    >
      {label}
    </th>
  );
}

const NAMES: Record<string, string> = {
  wall_s: 'Run time',
  peak_bytes: 'Peak memory',
  cost_per_s: 'Speed',
  trainable_parameters: 'Trained weights',
};

function shown(row: MetricRow, value: number | null): string {
  if (row.group !== 'Cost') return formatMetric(row.name, value);
  if (row.name === 'wall_s') return formatDuration(value);
  if (row.name === 'peak_bytes') return formatBytes(value);
  return row.name === 'trainable_parameters' ? formatNumber(value, 7) : formatNumber(value);
}

function MetricCells({ row, jobs, reference }: { row: MetricRow; jobs: readonly Job[]; reference: number }) {
  const metric = row.group === 'Cost' ? null : metricOf(row.name);
  return (
    <tr className="border-t">
      <RowHead label={NAMES[row.name] ?? metric?.title ?? formatWords(row.name)} title={metric?.meaning} />
      {jobs.map((job, index) => {
        const value = row.values[index] ?? null;
        const isBest = row.best !== null && value === row.values[row.best];
        return (
          <td key={job.id} className={cn('tabular px-3 py-1.5', index === reference && 'bg-primary-soft')}>
            <span className={cn(isBest && 'font-semibold')}>{shown(row, value)}</span>
            {isBest && (
              <span className="ml-1.5 rounded bg-success-soft px-1 text-2xs text-success-text">best</span>
            )}
            {reference >= 0 && index !== reference && (
              <Against row={row} value={value} reference={row.values[reference] ?? null} />
            )}
          </td>
        );
      })}
    </tr>
  );
}

/** The difference to the pinned job, signed. */
function Against({
  row,
  value,
  reference,
}: {
  row: MetricRow;
  value: number | null;
  reference: number | null;
}) {
  if (value === null || reference === null || value === reference) return null;
  const sign = value > reference ? '+' : '−';
  const size = Math.abs(value - reference);
  const isShare = row.group !== 'Cost' && metricOf(row.name).unit === 'share';
  const better =
    row.group === 'Cost'
      ? row.name === 'cost_per_s'
        ? value > reference
        : value < reference
      : isBetter(row.name, value, reference);
  return (
    <span className={cn('ml-1.5 text-xs', better ? 'text-success-text' : 'text-danger-text')}>
      {sign}
      {isShare ? `${(size * 100).toFixed(1)} points` : shown(row, size)}
    </span>
  );
}
