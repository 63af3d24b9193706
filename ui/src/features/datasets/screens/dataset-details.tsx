'use client';

import { Ellipsis, Pencil, Play, SlidersHorizontal, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useEffect, useEffectEvent, useState } from 'react';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuSeparator,
  DropdownMenuTrigger,
} from '@/components/ui/dropdown-menu';
import { ErrorState } from '@/components/ui/error-state';
import { PageHeader } from '@/components/ui/page-header';
import { RelativeTime } from '@/components/ui/relative-time';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { formatCount } from '@/lib/format';
import { useRouteId } from '@/lib/route-id';
import { useDataset, useProjects } from '../api';
import { Failed } from '../details/failed';
import { Processing } from '../details/processing';
import { ReadyDataset } from '../details/ready-dataset';
import { ResumeUpload } from '../details/resume-upload';
import { DeleteDataset } from '../dialogs/delete-dataset';
import { EditDataset } from '../dialogs/edit-dataset';
import { NewOptions } from '../dialogs/new-options';
import { taskWords } from '../tasks';
import { type DatasetRow, sourceWords, statisticsOf } from '../types';
import { UploadProgress } from '../upload/upload-progress';
import { uploads, useUpload } from '../upload/use-uploads';

const CRUMBS = [{ label: 'Datasets', href: '/datasets' }];

export function DatasetDetailsScreen() {
  const id = useRouteId();
  const [isGone, setIsGone] = useState(false);
  const query = useDataset(id, isGone);
  if (query.error && !query.data)
    return (
      <>
        <PageHeader title="Dataset" crumbs={CRUMBS} />
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </>
    );
  if (!query.data)
    return (
      <div aria-busy>
        <PageHeader title="Dataset" crumbs={CRUMBS} />
        <Skeleton className="mb-5 h-9 w-72" />
        <Skeleton className="h-64 w-full" />
      </div>
    );
  return (
    <Details key={id} dataset={query.data} onReload={() => void query.refetch()} onDeleting={setIsGone} />
  );
}

interface DetailsProps {
  dataset: DatasetRow;
  onReload: () => void;
  onDeleting: (isDeleting: boolean) => void;
}

function Details({ dataset, onReload, onDeleting }: DetailsProps) {
  const router = useRouter();
  const upload = useUpload(dataset.id);
  const { data: projects = [] } = useProjects();
  const [dialog, setDialog] = useState<'edit' | 'delete' | 'options' | null>(null);
  const task = taskWords(dataset.task);
  const project = projects.find(({ id }) => id === dataset.project_id);
  const isReady = dataset.status === 'ready';
  const canRevise = isReady || dataset.status === 'error';

  // The upload of this tab has ended: what the platform makes of it is the news.
  const isUploaded = upload?.status === 'done';
  const reload = useEffectEvent(onReload);
  useEffect(() => {
    if (isUploaded) reload();
  }, [isUploaded]);

  return (
    <>
      <PageHeader
        title={dataset.name}
        crumbs={CRUMBS}
        badge={
          dataset.status === 'pending' ? (
            <Badge tone={upload ? 'primary' : 'warning'}>
              {upload ? 'Uploading' : 'Upload not finished'}
            </Badge>
          ) : (
            <StatusBadge status={dataset.status} />
          )
        }
        description={
          <>
            {dataset.description && (
              <p className="mb-1 whitespace-pre-line text-foreground">{dataset.description}</p>
            )}
            <p className="flex flex-wrap items-center gap-x-2 gap-y-0.5">
              <span>{task.title}</span>
              {isReady && (
                <>
                  <span aria-hidden>·</span>
                  <span className="tabular">{formatCount(statisticsOf(dataset).utterances)} items</span>
                </>
              )}
              <span aria-hidden>·</span>
              <bdi className="max-w-72 truncate" title={sourceWords(dataset)}>
                {sourceWords(dataset)}
              </bdi>
              {project && (
                <>
                  <span aria-hidden>·</span>
                  <Link
                    href={`/projects/${project.id}`}
                    prefetch={false}
                    dir="auto"
                    className="max-w-48 truncate rounded hover:text-foreground hover:underline"
                  >
                    {project.name}
                  </Link>
                </>
              )}
              <span aria-hidden>·</span>
              <span>
                added <RelativeTime time={dataset.created_at} />
              </span>
            </p>
          </>
        }
        actions={
          <>
            <DropdownMenu>
              <DropdownMenuTrigger asChild>
                <Button size="icon" aria-label="More actions">
                  <Ellipsis aria-hidden />
                </Button>
              </DropdownMenuTrigger>
              <DropdownMenuContent>
                <DropdownMenuItem onSelect={() => setDialog('edit')}>
                  <Pencil aria-hidden /> Edit
                </DropdownMenuItem>
                <DropdownMenuItem disabled={!canRevise} onSelect={() => setDialog('options')}>
                  <SlidersHorizontal aria-hidden /> Check again with other options
                </DropdownMenuItem>
                <DropdownMenuSeparator />
                <DropdownMenuItem danger onSelect={() => setDialog('delete')}>
                  <Trash2 aria-hidden /> Delete
                </DropdownMenuItem>
              </DropdownMenuContent>
            </DropdownMenu>
            {isReady && (
              <Button variant="primary" asChild>
                <Link href={`/jobs/new?dataset=${dataset.id}`} prefetch={false}>
                  <Play aria-hidden /> Train on this
                </Link>
              </Button>
            )}
          </>
        }
      />
      {dataset.status === 'pending' &&
        (upload ? (
          <UploadProgress
            state={upload}
            onPause={() => uploads.pause(dataset.id)}
            onGoOn={() => uploads.goOn(dataset.id)}
            onCancel={() => setDialog('delete')}
          />
        ) : (
          <ResumeUpload dataset={dataset} onCancel={() => setDialog('delete')} />
        ))}
      {dataset.status === 'processing' && <Processing dataset={dataset} title="Checking the recordings" />}
      {dataset.status === 'error' && (
        <Failed
          dataset={dataset}
          onOptions={() => setDialog('options')}
          onDelete={() => setDialog('delete')}
        />
      )}
      {isReady && <ReadyDataset dataset={dataset} task={task} />}
      {dialog === 'edit' && <EditDataset dataset={dataset} onClose={() => setDialog(null)} />}
      {dialog === 'options' && (
        <NewOptions dataset={dataset} version={dataset.version ?? 1} onClose={() => setDialog(null)} />
      )}
      {dialog === 'delete' && (
        <DeleteDataset
          dataset={dataset}
          onClose={() => setDialog(null)}
          onDeleting={onDeleting}
          onDeleted={() => router.push('/datasets')}
        />
      )}
    </>
  );
}
