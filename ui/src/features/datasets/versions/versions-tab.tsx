'use client';

import type { DatasetVersionOut } from '@less-is-more/client';
import { GitCompareArrows, History, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { useState } from 'react';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Checkbox } from '@/components/ui/checkbox';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { ErrorState } from '@/components/ui/error-state';
import { RelativeTime } from '@/components/ui/relative-time';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { toast } from '@/components/ui/toast';
import { formatCount, formatDuration, plural } from '@/lib/format';
import { useDeleteVersion, useRevise, useVersions } from '../api';
import { statisticsOf } from '../types';
import { CompareVersions } from './compare-versions';
import { versionWords } from './words';

interface VersionsTabProps {
  datasetId: string;
  /** The one whose report and items are shown. */
  shown: number | null;
  newest: number | null;
  onShow: (number: number) => void;
}

/** The versions of a dataset, newest first: what each was made of; show, compare, restore, delete. */
export function VersionsTab({ datasetId, shown, newest, onShow }: VersionsTabProps) {
  const query = useVersions(datasetId);
  const revise = useRevise(datasetId);
  const remove = useDeleteVersion(datasetId);
  const [chosen, setChosen] = useState<readonly number[]>([]);
  const [isComparing, setIsComparing] = useState(false);
  const [restoring, setRestoring] = useState<DatasetVersionOut | null>(null);
  const [deleting, setDeleting] = useState<DatasetVersionOut | null>(null);
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton className="h-40 w-full" />;
  const versions = query.data;
  const ready = versions.filter((version) => version.status === 'ready');
  const isBusy = versions.some(({ status }) => status === 'processing' || status === 'pending');
  const toggle = (number: number) =>
    setChosen(
      chosen.includes(number) ? chosen.filter((each) => each !== number) : [...chosen, number].slice(-2),
    );
  const pair = [...chosen].sort((a, b) => a - b);
  return (
    <div className="grid grid-cols-1 gap-3">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-2xl text-muted-foreground text-sm">
          A version never changes. Corrections and other options make the next one; trainings use the newest,
          or the one that they name.
        </p>
        {ready.length > 1 && (
          <Button disabled={pair.length !== 2} onClick={() => setIsComparing(true)}>
            <GitCompareArrows aria-hidden /> {pair.length === 2 ? 'Compare' : 'Choose two to compare'}
          </Button>
        )}
      </div>
      <ul aria-label="Versions" className="divide-y rounded-lg border bg-card">
        {versions.map((version) => {
          const { number, status, parent, error, created_at } = version;
          const statistics = statisticsOf(version);
          return (
            <li key={number} className="flex flex-wrap items-start gap-x-4 gap-y-2 px-4 py-3.5">
              {ready.length > 1 && (
                <Checkbox
                  aria-label={`Compare version ${number}`}
                  className="mt-0.5"
                  disabled={status !== 'ready'}
                  checked={chosen.includes(number)}
                  onCheckedChange={() => toggle(number)}
                />
              )}
              <div className="min-w-0 flex-1 basis-52">
                <p className="flex flex-wrap items-center gap-2 font-medium text-sm">
                  Version {number}
                  {status !== 'ready' && <StatusBadge status={status} />}
                  {number === newest && <Badge tone="success">Newest</Badge>}
                  {number === shown && number !== newest && <Badge tone="primary">Shown</Badge>}
                </p>
                <p className="mt-0.5 text-muted-foreground text-sm">
                  {parent === null
                    ? 'As it was added'
                    : `From version ${parent}: ${versionWords(version, versions)}`}
                </p>
                {error && <p className="name mt-1 line-clamp-3 text-danger-text text-sm">{error}</p>}
                <p className="mt-1 text-muted-foreground text-xs">
                  <RelativeTime time={created_at} />
                  {version.job_id && (
                    <>
                      {' · '}
                      <Link
                        href={`/jobs/${version.job_id}`}
                        prefetch={false}
                        className="rounded hover:text-foreground hover:underline"
                      >
                        log
                      </Link>
                    </>
                  )}
                </p>
              </div>
              {status === 'ready' && (
                <dl className="tabular flex gap-6 text-sm">
                  <Count label="Items" value={formatCount(statistics.utterances)} />
                  <Count label="Left out" value={formatCount(statistics.set_aside)} />
                  <Count label="Audio" value={formatDuration(statistics.audio_s)} />
                </dl>
              )}
              <div className="flex justify-end gap-1 sm:min-w-48">
                {status === 'ready' && number !== shown && (
                  <Button size="sm" onClick={() => onShow(number)}>
                    Show
                  </Button>
                )}
                {status === 'ready' && number !== newest && (
                  <Button size="sm" disabled={isBusy} onClick={() => setRestoring(version)}>
                    <History aria-hidden /> Restore
                  </Button>
                )}
                {ready.length > 1 && status !== 'processing' && status !== 'pending' && (
                  <Button
                    size="icon-sm"
                    variant="danger-ghost"
                    aria-label={`Delete version ${number}`}
                    onClick={() => setDeleting(version)}
                  >
                    <Trash2 aria-hidden />
                  </Button>
                )}
              </div>
            </li>
          );
        })}
      </ul>
      {isComparing && pair[0] !== undefined && pair[1] !== undefined && (
        <CompareVersions
          datasetId={datasetId}
          before={pair[0]}
          after={pair[1]}
          onClose={() => setIsComparing(false)}
        />
      )}
      {restoring && (
        <ConfirmDialog
          open
          danger={false}
          onOpenChange={(open) => !open && setRestoring(null)}
          title={`Restore version ${restoring.number}?`}
          description={`Its recordings, options and corrections become the newest version. Nothing is lost: the versions in between stay.`}
          action="Restore"
          onConfirm={async () => {
            // An empty set of changes: the same as its parent, under a new number.
            const made = await revise.mutateAsync({ parent: restoring.number, limits: {} });
            toast.success(`Version ${made.number} is being made from version ${restoring.number}`);
          }}
        />
      )}
      {deleting && (
        <ConfirmDialog
          open
          onOpenChange={(open) => !open && setDeleting(null)}
          title={`Delete version ${deleting.number}?`}
          description={`${plural(statisticsOf(deleting).utterances ?? 0, 'item')} of this version are deleted for good; other versions stay. A version that a job used cannot be deleted.`}
          action="Delete version"
          onConfirm={async () => {
            await remove.mutateAsync(deleting.number);
            setChosen((all) => all.filter((number) => number !== deleting.number));
            toast.success(`Version ${deleting.number} deleted`);
          }}
        />
      )}
    </div>
  );
}

function Count({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt className="text-muted-foreground text-xs">{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}
