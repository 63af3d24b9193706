'use client';

import { useQuery } from '@tanstack/react-query';
import { Download, FileArchive, Files } from 'lucide-react';
import { useMemo } from 'react';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { EmptyState } from '@/components/ui/empty-state';
import { ErrorState } from '@/components/ui/error-state';
import { Skeleton } from '@/components/ui/skeleton';
import { formatBytes, formatWords } from '@/lib/format';
import { fileQuery, useArtifacts, useBundle } from '../api';
import type { Artifact, Job } from '../contract';
import { hasEnded } from '../model/job';
import { Markdown } from './markdown';

/** What the pictures show. */
const PICTURES: [RegExp, string][] = [
  [/curves\.png$/, 'Loss and metrics over the steps'],
  [/ranks\.png$/, 'Rank of each layer: where the adapter has more room to learn'],
  [/gates_over_time\.png$/, 'Effective rank over time, above the recordings it follows'],
  [/confusions\.png$/, 'Confusion matrix: which classes are taken for which'],
  [/validation\.png$/, 'What was found in the recordings'],
];

function captionOf(name: string): string {
  return PICTURES.find(([pattern]) => pattern.test(name))?.[1] ?? name;
}

/** The files of a job: each to download, all as one zip; pictures and the model card are shown. */
export function ArtifactsTab({ job }: { job: Job }) {
  const query = useArtifacts(job.id);
  const files = query.data ?? [];
  const pictures = files.filter((file) => file.name.endsWith('.png'));
  const card = files.find((file) => /(^|\/)README\.md$/.test(file.name));
  if (query.isPending) {
    return (
      <div className="grid gap-4" aria-busy>
        <Skeleton className="h-64 w-full rounded-lg" />
      </div>
    );
  }
  if (query.error)
    return (
      <div className="rounded-lg border bg-card">
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  if (files.length === 0)
    return (
      <div className="rounded-lg border border-dashed">
        <EmptyState
          icon={Files}
          title={hasEnded(job.status) ? 'No files' : 'No files yet'}
          description={
            job.type === 'ingestion'
              ? 'What an import makes is a version of the dataset; its report is on the page of the dataset.'
              : hasEnded(job.status)
                ? 'The job ended before it saved a result. Its checkpoints are kept for resuming.'
                : 'Adapter, model card, predictions and pictures are saved at the end.'
          }
        />
      </div>
    );
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
      <FileList job={job} files={files} />
      {pictures.length > 0 && (
        <section aria-label="Pictures" className="grid grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-2">
          {pictures.map((file) => (
            <Card key={file.name} className="p-4">
              <figure>
                {/* Plots are drawn on white; on the dark page they keep their paper. */}
                <img
                  src={file.url}
                  alt={captionOf(file.name)}
                  loading="lazy"
                  className="w-full rounded-md border bg-white"
                />
                <figcaption className="mt-2 text-muted-foreground text-sm">{captionOf(file.name)}</figcaption>
              </figure>
            </Card>
          ))}
        </section>
      )}
      {card && <ModelCard job={job} file={card} />}
    </div>
  );
}

function FileList({ job, files }: { job: Job; files: readonly Artifact[] }) {
  const bundle = useBundle(job.id);
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const groups = useMemo(() => {
    const byKind = new Map<string, Artifact[]>();
    for (const file of files) byKind.set(file.kind, [...(byKind.get(file.kind) ?? []), file]);
    return [...byKind];
  }, [files]);
  return (
    <Card>
      <CardHeader
        title="Files"
        description={`${files.length} files, ${formatBytes(total)}`}
        actions={
          <Button
            size="sm"
            busy={bundle.isPending}
            disabled={!hasEnded(job.status)}
            title={hasEnded(job.status) ? undefined : 'When the job has ended'}
            onClick={() => bundle.mutate()}
          >
            <FileArchive aria-hidden /> All as zip
          </Button>
        }
      />
      <div className="border-t">
        {groups.map(([kind, some]) => (
          <section key={kind} aria-label={formatWords(kind)}>
            <h3 className="bg-muted/60 px-4 py-1.5 text-muted-foreground text-xs">{formatWords(kind)}</h3>
            <ul className="divide-y">
              {some.map((file) => (
                <li key={file.name} className="flex items-center gap-3 px-4 py-1.5">
                  <span className="name min-w-0 flex-1 font-mono text-xs">{file.name}</span>
                  <span className="tabular shrink-0 text-muted-foreground text-xs">
                    {formatBytes(file.size)}
                  </span>
                  <Button asChild variant="ghost" size="icon-sm">
                    <a
                      href={file.url}
                      download={file.name.split('/').at(-1)}
                      aria-label={`Download ${file.name}`}
                    >
                      <Download aria-hidden />
                    </a>
                  </Button>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </Card>
  );
}

function ModelCard({ job, file }: { job: Job; file: Artifact }) {
  const text = useQuery(fileQuery(job.id, file));
  return (
    <Card>
      <CardHeader title="Model card" description="Lies beside the adapter, for whoever uses it." />
      <CardContent>
        {text.isPending ? (
          <Skeleton className="h-40 w-full" />
        ) : text.error ? (
          <ErrorState error={text.error} onRetry={() => void text.refetch()} />
        ) : (
          <Markdown text={text.data} />
        )}
      </CardContent>
    </Card>
  );
}
