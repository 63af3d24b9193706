import { Database, FileArchive, FolderTree, Plus } from 'lucide-react';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { Button } from '@/components/ui/button';

/** What a first dataset is made of. */
export function EmptyDatasets() {
  return (
    <div className="flex flex-col items-center px-4 py-12 text-center sm:px-8">
      <div className="mb-4 flex size-11 items-center justify-center rounded-xl border bg-card shadow-lift">
        <Database className="size-5 text-muted-foreground" aria-hidden />
      </div>
      <p className="font-semibold text-base">Bring your first recordings</p>
      <p className="mt-1 max-w-lg text-balance text-muted-foreground text-sm">
        A dataset is a folder of recordings with what a model should learn from them. A few minutes are enough
        to try.
      </p>
      <div className="mt-6 grid w-full max-w-3xl gap-3 text-left sm:grid-cols-3">
        <Example
          icon={<FolderTree />}
          title="Speech with texts"
          about="Recordings and a table of what is said in each."
          lines={'recordings/1.wav\nrecordings/2.wav\nmetadata.csv'}
        />
        <Example
          icon={<FolderTree />}
          title="Sounds in folders"
          about="The name of each folder is the class of its sounds."
          lines={'dog/1.wav\ndog/2.wav\nrain/1.wav'}
        />
        <Example
          icon={<FileArchive />}
          title="What you already have"
          about="An archive, Parquet, Common Voice, LibriSpeech, Kaldi, subtitles."
          lines={'corpus.tar.gz\ntrain.parquet\ntalk.mp4 + talk.srt'}
        />
      </div>
      <Button variant="primary" className="mt-6" asChild>
        <Link href="/datasets/new" prefetch={false}>
          <Plus aria-hidden /> Add dataset
        </Link>
      </Button>
    </div>
  );
}

function Example({
  icon,
  title,
  about,
  lines,
}: {
  icon: ReactNode;
  title: string;
  about: string;
  lines: string;
}) {
  return (
    <div className="flex flex-col rounded-lg border bg-card p-3.5">
      <p className="flex items-center gap-2 font-medium text-sm [&_svg]:size-4 [&_svg]:text-primary-text">
        <span aria-hidden>{icon}</span>
        {title}
      </p>
      <p className="mt-1 mb-3 text-muted-foreground text-sm">{about}</p>
      <pre className="mt-auto overflow-x-auto rounded-md bg-muted px-2.5 py-1.5 font-mono text-xs leading-5">
        {lines}
      </pre>
    </div>
  );
}
