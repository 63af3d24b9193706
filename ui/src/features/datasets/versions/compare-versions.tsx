'use client';

import { useState } from 'react';
import { Dialog } from '@/components/ui/dialog';
import { ErrorState } from '@/components/ui/error-state';
import { Skeleton } from '@/components/ui/skeleton';
import { Switch } from '@/components/ui/switch';
import { cn } from '@/lib/cn';
import { formatBytes, formatCount, formatDuration } from '@/lib/format';
import { useVersion } from '../api';
import { findingTitle } from '../findings';
import { type Difference, differences } from './words';

interface CompareVersionsProps {
  datasetId: string;
  before: number;
  after: number;
  onClose: () => void;
}

/** Counts of two versions side by side. */
export function CompareVersions({ datasetId, before, after, onClose }: CompareVersionsProps) {
  const a = useVersion(datasetId, before);
  const b = useVersion(datasetId, after);
  const [onlyChanged, setOnlyChanged] = useState(true);
  const error = a.error ?? b.error;
  const all =
    a.data && b.data ? differences(a.data.statistics ?? {}, b.data.statistics ?? {}, findingTitle) : null;
  const rows = all?.filter((row) => !onlyChanged || row.before !== row.after);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Version ${before} and version ${after}`}
      className="sm:max-w-2xl"
    >
      {error ? (
        <ErrorState error={error} className="py-6" />
      ) : !rows ? (
        <Skeleton className="h-48 w-full" />
      ) : (
        <>
          {/* biome-ignore lint/a11y/noLabelWithoutControl: the switch is inside of it */}
          <label className="mb-3 flex items-center gap-2 text-sm">
            <Switch checked={onlyChanged} onCheckedChange={setOnlyChanged} />
            Only what differs
          </label>
          {rows.length === 0 ? (
            <p className="py-6 text-center text-muted-foreground text-sm">All counts are the same.</p>
          ) : (
            <table className="w-full text-sm">
              <thead>
                <tr className="border-b text-muted-foreground text-xs">
                  <th scope="col" className="py-1.5 text-left font-medium">
                    Count
                  </th>
                  <th scope="col" className="py-1.5 text-right font-medium">
                    Version {before}
                  </th>
                  <th scope="col" className="py-1.5 text-right font-medium">
                    Version {after}
                  </th>
                  <th scope="col" className="py-1.5 text-right font-medium">
                    Change
                  </th>
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <Row key={row.label} row={row} />
                ))}
              </tbody>
            </table>
          )}
        </>
      )}
    </Dialog>
  );
}

function Row({ row }: { row: Difference }) {
  const { label, before, after } = row;
  const format = label === 'Audio' ? formatDuration : label === 'Size' ? formatBytes : formatCount;
  const change = (after ?? 0) - (before ?? 0);
  return (
    <tr className="border-b last:border-0">
      <th scope="row" className="name py-1.5 pr-3 text-left font-normal">
        {label}
      </th>
      <td className="py-1.5 text-right">{format(before)}</td>
      <td className="py-1.5 text-right">{format(after)}</td>
      <td className={cn('py-1.5 text-right', change === 0 ? 'text-muted-foreground' : 'font-medium')}>
        {change === 0 ? 'same' : `${change > 0 ? '+' : '−'}${format(Math.abs(change))}`}
      </td>
    </tr>
  );
}
