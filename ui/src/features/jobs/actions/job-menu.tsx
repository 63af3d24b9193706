'use client';

import {
  BadgePlus,
  Copy,
  Ellipsis,
  FlaskConical,
  GitCompareArrows,
  Mic,
  Pencil,
  Play,
  Square,
  Trash2,
} from 'lucide-react';
import dynamic from 'next/dynamic';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuSeparator,
  DropdownMenuTrigger,
} from '@/components/ui/dropdown-menu';
import type { Job } from '../contract';
import { hasEnded, isResumable, isStoppable } from '../model/job';
import { DeleteDialog, RenameDialog, StopDialog, useResume } from './job-dialogs';

const EvaluateDialog = dynamic(() => import('./evaluate-dialog').then((module) => module.EvaluateDialog), {
  ssr: false,
});
const VersionDialog = dynamic(() => import('./version-dialog').then((module) => module.VersionDialog), {
  ssr: false,
});
const TranscribeDialog = dynamic(
  () => import('./transcribe-dialog').then((module) => module.TranscribeDialog),
  {
    ssr: false,
  },
);

type Open = 'stop' | 'rename' | 'delete' | 'evaluate' | 'version' | 'transcribe' | null;

/** What can be done with a job: the next step as a button, the rest in a menu. */
export function JobMenu({ job }: { job: Job }) {
  const [open, setOpen] = useState<Open>(null);
  const resume = useResume();
  const router = useRouter();
  const isTrained = job.type === 'training' && job.status === 'succeeded';
  const change = (next: boolean) => {
    if (!next) setOpen(null);
  };
  return (
    <>
      {isStoppable(job.status) && (
        <Button onClick={() => setOpen('stop')}>
          <Square aria-hidden /> Stop
        </Button>
      )}
      {isResumable(job.status) && (
        <Button variant="primary" onClick={() => void resume(job)}>
          <Play aria-hidden /> Resume
        </Button>
      )}
      {isTrained && (
        <>
          <Button onClick={() => setOpen('evaluate')} className="max-sm:hidden">
            <FlaskConical aria-hidden /> Evaluate
          </Button>
          <Button variant="primary" onClick={() => setOpen('version')}>
            <BadgePlus aria-hidden /> Make adapter version
          </Button>
        </>
      )}
      <DropdownMenu>
        <DropdownMenuTrigger asChild>
          <Button size="icon" aria-label="More actions">
            <Ellipsis aria-hidden />
          </Button>
        </DropdownMenuTrigger>
        <DropdownMenuContent>
          <DropdownMenuItem onSelect={() => setOpen('rename')}>
            <Pencil aria-hidden /> Rename …
          </DropdownMenuItem>
          {job.type === 'training' && (
            <DropdownMenuItem asChild>
              <Link href={`/jobs/new?from=${job.id}`} prefetch={false}>
                <Copy aria-hidden /> Clone into a new training
              </Link>
            </DropdownMenuItem>
          )}
          <DropdownMenuItem asChild>
            <Link href={`/jobs/compare?ids=${job.id}`} prefetch={false}>
              <GitCompareArrows aria-hidden /> Compare with others
            </Link>
          </DropdownMenuItem>
          {isTrained && (
            <>
              <DropdownMenuItem onSelect={() => setOpen('evaluate')}>
                <FlaskConical aria-hidden /> Evaluate on another dataset …
              </DropdownMenuItem>
              <DropdownMenuItem onSelect={() => setOpen('transcribe')}>
                <Mic aria-hidden /> Use it on recordings …
              </DropdownMenuItem>
            </>
          )}
          <DropdownMenuSeparator />
          <DropdownMenuItem danger disabled={!hasEnded(job.status)} onSelect={() => setOpen('delete')}>
            <Trash2 aria-hidden /> Delete …
          </DropdownMenuItem>
        </DropdownMenuContent>
      </DropdownMenu>
      <StopDialog jobs={[job]} open={open === 'stop'} onOpenChange={change} />
      <RenameDialog job={job} open={open === 'rename'} onOpenChange={change} />
      <DeleteDialog
        jobs={[job]}
        open={open === 'delete'}
        onOpenChange={change}
        onDone={() => router.push('/jobs')}
      />
      {open === 'evaluate' && <EvaluateDialog job={job} onOpenChange={change} />}
      {open === 'version' && <VersionDialog job={job} onOpenChange={change} />}
      {open === 'transcribe' && <TranscribeDialog job={job} onOpenChange={change} />}
    </>
  );
}
