'use client';

import type { VersionOut } from '@less-is-more/client';
import { Download } from 'lucide-react';
import Link from 'next/link';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Checkbox } from '@/components/ui/checkbox';
import { RelativeTime } from '@/components/ui/relative-time';
import { useBundle } from '@/features/jobs/api';
import { DatasetName } from '@/features/jobs/list/names';
import { fieldsOf, numberOf, textOf, valuesOf } from '@/features/jobs/model/job';
import { formatMetric, isBetter, metricOf } from '@/features/jobs/model/metrics';
import { cn } from '@/lib/cn';
import { formatBytes, formatCompact, formatDuration } from '@/lib/format';

interface VersionCardProps {
  version: VersionOut;
  isNewest: boolean;
  isSelected: boolean;
  /** Two are chosen already, and this is none of them. */
  isFull: boolean;
  onSelect: (selected: boolean) => void;
}

/** A version: its figures beside those of its base, where it comes from, its files. */
export function VersionCard({ version, isNewest, isSelected, isFull, onSelect }: VersionCardProps) {
  const bundle = useBundle(version.job_id);
  const { lineage } = version;
  const result = fieldsOf(lineage.result);
  const base = valuesOf(result.base);
  const tuned = valuesOf(result.tuned);
  const primary = textOf(result.primary);
  const names = Object.keys(tuned).sort((a, b) => Number(b === primary) - Number(a === primary));
  const size = lineage.files.reduce((sum, file) => sum + file.size, 0);
  return (
    <li className={cn('grid gap-3 px-4 py-4', isSelected && 'bg-primary-soft')}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <Checkbox
          aria-label={`Compare version ${version.number}`}
          checked={isSelected}
          disabled={isFull && !isSelected}
          onCheckedChange={(checked) => onSelect(checked === true)}
        />
        <h3 className="font-semibold text-base">Version {version.number}</h3>
        {isNewest && <Badge tone="primary">Newest</Badge>}
        <RelativeTime time={version.created_at} className="text-muted-foreground text-sm" />
        <span className="ml-auto flex gap-2">
          <Button size="sm" busy={bundle.isPending} onClick={() => bundle.mutate()}>
            <Download aria-hidden /> Download <span className="sr-only">version {version.number}</span>
          </Button>
        </span>
      </div>
      {version.notes && (
        <p dir="auto" className="name whitespace-pre-line text-sm">
          {version.notes}
        </p>
      )}
      {names.length > 0 && (
        <ul className="flex flex-wrap gap-x-8 gap-y-2" aria-label="Figures">
          {names.map((name) => {
            const before = base[name];
            const after = tuned[name];
            if (after === undefined) return null;
            const better = before !== undefined && isBetter(name, after, before);
            return (
              <li key={name} title={metricOf(name).meaning} className="tabular text-sm">
                <span className="block text-muted-foreground text-xs">{metricOf(name).title}</span>
                <span className={cn('font-medium', name === primary && 'text-lg')}>
                  {formatMetric(name, after)}
                </span>
                {before !== undefined && (
                  <span
                    className={cn(
                      'ml-1.5 text-xs',
                      before === after
                        ? 'text-muted-foreground'
                        : better
                          ? 'text-success-text'
                          : 'text-danger-text',
                    )}
                  >
                    {before === after ? 'as its base' : `${better ? 'better' : 'worse'} than base`}
                    {before !== after && ` (${formatMetric(name, before)})`}
                  </span>
                )}
              </li>
            );
          })}
        </ul>
      )}
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1 text-muted-foreground text-sm">
        <Link
          href={`/jobs/${version.job_id}`}
          prefetch={false}
          className="text-primary-text underline-offset-4 hover:underline"
        >
          Its training
        </Link>
        <span aria-hidden>·</span>
        <Link
          href={`/models/${lineage.base.id}`}
          prefetch={false}
          className="text-primary-text underline-offset-4 hover:underline"
        >
          {lineage.base.id}
        </Link>
        <span aria-hidden>·</span>
        <Link
          href={`/datasets/${lineage.data.dataset_id}`}
          prefetch={false}
          className="inline-flex text-primary-text underline-offset-4 hover:underline"
        >
          <DatasetName id={lineage.data.dataset_id} version={lineage.data.version} />
        </Link>
        <span aria-hidden>·</span>
        <span className="tabular">{formatDuration(lineage.data.audio_s)} of audio</span>
        <span aria-hidden>·</span>
        <span className="tabular">
          {formatCompact(numberOf(result.trainable_parameters))} trained parameters
        </span>
        <span aria-hidden>·</span>
        <span className="tabular">{formatBytes(size)}</span>
      </p>
    </li>
  );
}
