'use client';

import { CircleCheck, Download, FileChartColumn, FileSpreadsheet, Image } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuTrigger,
} from '@/components/ui/dropdown-menu';
import { ErrorState } from '@/components/ui/error-state';
import { KeyValues } from '@/components/ui/key-values';
import { Skeleton } from '@/components/ui/skeleton';
import { formatBytes, formatCount, formatDuration, formatPercent, formatWords } from '@/lib/format';
import { useReport } from '../api';
import type { TaskWords } from '../tasks';
import type { Report, Statistics } from '../types';
import { FindingList } from './finding-list';
import { type FindingGroup, groupFindings, rejectedCsv } from './group';
import { Histograms } from './histogram';
import { Shares, sharesOf } from './shares';

interface ReportTabProps {
  datasetId: string;
  version: number;
  statistics: Statistics;
  task: TaskWords;
  /** Shows items: by finding, split, group or text. */
  onShowItems: (filter: {
    finding?: string;
    split?: string;
    group?: string;
    q?: string;
    status?: string;
  }) => void;
}

const SPLIT_WORDS: Record<string, string> = { train: 'Training', validation: 'Validation', test: 'Test' };

export function ReportTab({ datasetId, version, statistics, task, onShowItems }: ReportTabProps) {
  const query = useReport(datasetId, version, true);
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <LoadingReport />;
  const report = query.data;
  const groups = groupFindings(report);
  const labels = sharesOf(report.labels);
  const speakers = sharesOf(report.speakers);
  const splits = sharesOf(report.splits).map((share, index) => ({
    ...share,
    label: SPLIT_WORDS[share.name] ?? share.name,
    tone: `var(--chart-${index + 1})`,
  }));
  const show = (group: FindingGroup) => onShowItems({ finding: group.code });
  return (
    <div className="grid grid-cols-1 gap-5">
      <Facts report={report} statistics={statistics} task={task} onShowItems={onShowItems} />
      <section className="grid grid-cols-1 gap-3">
        <div className="flex items-center justify-between gap-3">
          <h2 className="font-semibold text-base">What the checks found</h2>
          <Downloads report={report} />
        </div>
        {groups.length > 0 ? (
          <FindingList groups={groups} onShow={show} />
        ) : (
          <Card className="flex items-center gap-3 px-4 py-5">
            <CircleCheck className="size-5 shrink-0 text-success-text" aria-hidden />
            <p className="text-sm">
              <span className="font-medium">Nothing to cure.</span>{' '}
              <span className="text-muted-foreground">Every item passed every check.</span>
            </p>
          </Card>
        )}
      </section>
      <div className="gap-5 lg:columns-2 [&>*]:mb-5 [&>*]:break-inside-avoid">
        <Histograms histograms={report.validation?.histograms ?? []} />
        {labels.length > 0 && (
          <Shares
            title={`${formatCount(labels.length)} classes`}
            description="Classes with few examples are learnt badly."
            shares={labels}
            onShow={(q) => onShowItems({ q })}
          />
        )}
        {splits.length > 0 && (
          <Shares
            title="Parts"
            description="What models are trained on, and what is kept apart to measure them."
            shares={splits}
            onShow={(split) => onShowItems({ split })}
          />
        )}
        {speakers.length > 0 && (
          <Shares
            title={`${formatCount(speakers.length)} ${task.group.toLowerCase()}s`}
            description={
              report.without_speaker
                ? `Of ${formatCount(report.without_speaker)} items it is not known.`
                : 'One is never divided between training and test.'
            }
            shares={speakers}
            onShow={(group) => onShowItems({ group })}
          />
        )}
        <HowRead report={report} />
      </div>
    </div>
  );
}

function Facts({
  report,
  statistics,
  task,
  onShowItems,
}: Pick<ReportTabProps, 'statistics' | 'task' | 'onShowItems'> & { report: Report }) {
  const rejected = report.items_found - report.items_good;
  const groups = Object.keys(report.speakers ?? {}).length;
  const classes = Object.keys(report.labels ?? {}).length;
  return (
    <Card>
      <dl className="grid grid-cols-2 divide-border max-lg:[&>*:nth-child(n+3)]:border-t sm:grid-cols-3 lg:grid-cols-5 lg:divide-x">
        <Fact label="Good items" value={formatCount(report.items_good)}>
          {formatPercent(report.items_found > 0 ? report.items_good / report.items_found : 0, 1)} of what was
          found
        </Fact>
        <Fact label="Left out" value={formatCount(rejected)}>
          {rejected > 0 ? (
            <button
              type="button"
              className="rounded text-primary-text hover:underline"
              onClick={() => onShowItems({ status: 'rejected' })}
            >
              Show them
            </button>
          ) : (
            'Nothing'
          )}
        </Fact>
        <Fact label="Audio" value={formatDuration(report.audio_s ?? statistics.audio_s)}>
          {report.shortest_s != null &&
            `${formatDuration(report.shortest_s)} to ${formatDuration(report.longest_s)} each`}
        </Fact>
        {classes > 0 ? (
          <Fact label="Classes" value={formatCount(classes)}>
            {formatCount(report.captions || report.items_good)} examples
          </Fact>
        ) : (
          <Fact label={`${task.group}s`} value={groups > 0 ? formatCount(groups) : 'Not known'}>
            {groups > 0 ? 'never divided between parts' : `Name them in a column ${task.group.toLowerCase()}`}
          </Fact>
        )}
        <Fact label="Size" value={formatBytes(statistics.size)}>
          16 kHz, one channel
        </Fact>
      </dl>
    </Card>
  );
}

function Fact({ label, value, children }: { label: string; value: string; children: ReactNode }) {
  return (
    <div className="px-4 py-3.5 max-sm:last:col-span-2">
      <dt className="text-muted-foreground text-sm">{label}</dt>
      <dd>
        <span className="tabular mt-0.5 block font-semibold text-xl tracking-tight">{value}</span>
        <span className="mt-0.5 block text-muted-foreground text-xs">{children}</span>
      </dd>
    </div>
  );
}

function HowRead({ report }: { report: Report }) {
  const { text, rates_hz, formats, layouts, metadata_files, text_source, columns_ignored, columns_read } =
    report;
  const list = (counts: Record<string, number> | undefined, unit = '') =>
    sharesOf(counts)
      .map(
        ({ name, count }) =>
          `${Number(name) ? formatCount(Number(name)) : name}${unit} (${formatCount(count)})`,
      )
      .join(', ') || null;
  const columns = Object.entries(columns_read ?? {}).map(([column, role]) =>
    column === role ? column : `${column} as ${role}`,
  );
  const mono = (words: string | null | undefined) =>
    words ? <bdi className="break-words">{words}</bdi> : null;
  return (
    <Card>
      <CardHeader title="How it was read" description="Check that this is what you meant." />
      <CardContent className="grid grid-cols-1 gap-3">
        <KeyValues
          items={[
            ['Structure', layouts?.map(formatWords).join(', ') || null],
            ['Texts from', mono(text_source)],
            ['Files', mono(metadata_files?.join(', '))],
            ['Columns', mono(columns.join(', '))],
            ['Not read', mono(columns_ignored?.join(', '))],
            ['Formats', list(formats)],
            ['Sample rates', list(rates_hz, ' Hz')],
            ['Words', text && text.words > 0 ? formatCount(text.words) : null],
            ['Different texts', text && text.distinct > 0 ? formatCount(text.distinct) : null],
            [
              'Characters',
              text?.alphabet ? (
                <span dir="auto" className="line-clamp-3 break-all font-mono text-xs" title={text.alphabet}>
                  {text.alphabet}
                </span>
              ) : null,
            ],
          ]}
        />
        {report.warnings && report.warnings.length > 0 && (
          <ul className="grid gap-1 text-muted-foreground text-xs">
            {report.warnings.map((warning) => (
              <li key={warning} className="name">
                {warning}
              </li>
            ))}
          </ul>
        )}
      </CardContent>
    </Card>
  );
}

function Downloads({ report }: { report: Report }) {
  const csv = () => {
    const url = URL.createObjectURL(new Blob([rejectedCsv(report)], { type: 'text/csv' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `left-out-version-${report.version}.csv`;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <DropdownMenu>
      <DropdownMenuTrigger asChild>
        <Button size="sm">
          <Download aria-hidden /> Download
        </Button>
      </DropdownMenuTrigger>
      <DropdownMenuContent>
        {report.page && (
          <DropdownMenuItem asChild>
            <a href={report.page.url} download>
              <FileChartColumn aria-hidden /> Whole report (HTML)
            </a>
          </DropdownMenuItem>
        )}
        {report.drawing && (
          <DropdownMenuItem asChild>
            <a href={report.drawing.url} download>
              <Image aria-hidden /> Distributions (PNG)
            </a>
          </DropdownMenuItem>
        )}
        <DropdownMenuItem disabled={report.set_aside.length === 0} onSelect={csv}>
          <FileSpreadsheet aria-hidden /> What was left out (CSV)
        </DropdownMenuItem>
      </DropdownMenuContent>
    </DropdownMenu>
  );
}

function LoadingReport() {
  return (
    <div className="grid gap-5" aria-busy>
      <span className="sr-only" role="status">
        Loading the report
      </span>
      <Skeleton className="h-24 w-full" />
      <Skeleton className="h-40 w-full" />
      <div className="grid gap-5 lg:grid-cols-2">
        <Skeleton className="h-64" />
        <Skeleton className="h-64" />
      </div>
    </div>
  );
}
