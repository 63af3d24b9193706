'use client';

import type { JobOut } from '@less-is-more/client';
import Link from 'next/link';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { toast } from '@/components/ui/toast';
import { formatBytes, formatWords, plural } from '@/lib/format';
import { useDeleteDataset, useUsers } from '../api';
import { type DatasetRow, sourceBytes, statisticsOf } from '../types';
import { uploads } from '../upload/use-uploads';

const ACTIVE = new Set(['queued', 'starting', 'running', 'stopping']);
const SHOWN = 5;

interface DeleteDatasetProps {
  dataset: DatasetRow;
  onClose: () => void;
  onDeleted?: () => void;
  /** Told before it is asked for (true), and when it was refused (false). */
  onDeleting?: (isDeleting: boolean) => void;
}

/** Asks before a dataset is deleted, and says what was trained on it. */
export function DeleteDataset({ dataset, onClose, onDeleted, onDeleting }: DeleteDatasetProps) {
  const remove = useDeleteDataset();
  const users = useUsers(dataset.id, true);
  const isUpload = dataset.status === 'pending';
  const { utterances, size } = statisticsOf(dataset);
  const what =
    utterances === undefined
      ? formatBytes(sourceBytes(dataset))
      : `${plural(utterances, 'item')} (${formatBytes((size ?? 0) + (sourceBytes(dataset) ?? 0))})`;
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={isUpload ? 'Cancel the upload?' : 'Delete this dataset?'}
      description={
        isUpload
          ? 'The dataset and what was sent of it are deleted.'
          : `All versions are deleted for good: ${what}. Jobs and adapters that were trained on it stay; they cannot be evaluated on it again.`
      }
      action={isUpload ? 'Cancel upload' : 'Delete dataset'}
      {...(isUpload ? {} : { typed: dataset.name })}
      onConfirm={async () => {
        uploads.forget(dataset.id);
        onDeleting?.(true);
        try {
          await remove.mutateAsync(dataset.id);
        } catch (error) {
          onDeleting?.(false);
          throw error;
        }
        toast.success(isUpload ? 'Upload cancelled' : 'Dataset deleted');
        onDeleted?.();
      }}
    >
      {!isUpload && <Users jobs={users.data} isLoading={users.isPending} />}
    </ConfirmDialog>
  );
}

function Users({ jobs, isLoading }: { jobs: JobOut[] | undefined; isLoading: boolean }) {
  if (isLoading) return <Skeleton className="h-9" />;
  if (!jobs || jobs.length === 0)
    return <p className="text-muted-foreground text-sm">None of your recent jobs uses it.</p>;
  const active = jobs.filter((job) => ACTIVE.has(job.status));
  const shown = [...active, ...jobs.filter((job) => !active.includes(job))].slice(0, SHOWN);
  return (
    <div className="text-sm">
      <p className="font-medium">
        {active.length > 0
          ? `${plural(active.length, 'job')} that use${active.length === 1 ? 's' : ''} it must be stopped first`
          : `Used by ${plural(jobs.length, 'recent job')}`}
      </p>
      <ul className="mt-1.5 divide-y rounded-md border">
        {shown.map((job) => (
          <li key={job.id} className="flex items-center justify-between gap-3 px-3 py-1.5">
            <Link
              href={`/jobs/${job.id}`}
              prefetch={false}
              dir="auto"
              className="min-w-0 truncate rounded hover:underline"
              title={job.name ?? job.id}
            >
              {job.name || formatWords(job.type)}
            </Link>
            <StatusBadge status={job.status} />
          </li>
        ))}
      </ul>
      {jobs.length > SHOWN && (
        <p className="mt-1 text-muted-foreground text-xs">and {plural(jobs.length - SHOWN, 'more job')}</p>
      )}
    </div>
  );
}
