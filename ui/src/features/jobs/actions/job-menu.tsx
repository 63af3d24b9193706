'use client';

import {
  BadgePlus,
  Copy,
  Download,
  Ellipsis,
  FlaskConical,
  GitCompareArrows,
  Mic,
  Pencil,
  Play,
  Square,
  Trash2,
} from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { OnDemand } from '@/components/ui/on-demand';
import { useBundle } from '../api';
import type { Job } from '../contract';
import { hasEnded, isResumable, isStoppable } from '../model/job';
import { useResume } from './job-actions';
import {
  DeleteDialog,
  EvaluateDialog,
  RenameDialog,
  StopDialog,
  TranscribeDialog,
  VersionDialog,
} from './lazy-dialogs';

const loadMenu = () => import('@/components/ui/action-menu');
const MORE = {
  size: 'icon',
  'aria-label': 'More actions',
  children: <Ellipsis aria-hidden />,
} as const;

type Open = 'stop' | 'rename' | 'delete' | 'evaluate' | 'version' | 'transcribe' | null;

/** What can be done with a job: the next step as a button, the rest in a menu. */
export function JobMenu({ job }: { job: Job }) {
  const [open, setOpen] = useState<Open>(null);
  const resume = useResume();
  const bundle = useBundle(job.id);
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
          <Button
            busy={bundle.isPending}
            title="All files of the result as a zip"
            onClick={() => bundle.mutate()}
          >
            <Download aria-hidden /> Download
          </Button>
          <Button variant="primary" onClick={() => setOpen('version')} className="max-sm:hidden">
            <BadgePlus aria-hidden /> Make adapter version
          </Button>
        </>
      )}
      <OnDemand
        load={loadMenu}
        button={MORE}
        props={{
          actions: [
            { label: 'Rename …', icon: <Pencil aria-hidden />, onSelect: () => setOpen('rename') },
            ...(job.type === 'training'
              ? [
                  {
                    label: 'Clone into a new training',
                    icon: <Copy aria-hidden />,
                    href: `/jobs/new?from=${job.id}`,
                  },
                ]
              : []),
            {
              label: 'Compare with others',
              icon: <GitCompareArrows aria-hidden />,
              href: `/jobs/compare?ids=${job.id}`,
            },
            ...(isTrained
              ? [
                  {
                    label: 'Make adapter version …',
                    icon: <BadgePlus aria-hidden />,
                    onSelect: () => setOpen('version'),
                  },
                  {
                    label: 'Evaluate on another dataset …',
                    icon: <FlaskConical aria-hidden />,
                    onSelect: () => setOpen('evaluate'),
                  },
                  {
                    label: 'Use it on recordings …',
                    icon: <Mic aria-hidden />,
                    onSelect: () => setOpen('transcribe'),
                  },
                ]
              : []),
            {
              label: 'Delete …',
              icon: <Trash2 aria-hidden />,
              danger: true,
              disabled: !hasEnded(job.status),
              onSelect: () => setOpen('delete'),
            },
          ],
        }}
      />
      {open === 'stop' && <StopDialog jobs={[job]} open onOpenChange={change} />}
      {open === 'rename' && <RenameDialog job={job} open onOpenChange={change} />}
      {open === 'delete' && (
        <DeleteDialog jobs={[job]} open onOpenChange={change} onDone={() => router.push('/jobs')} />
      )}
      {open === 'evaluate' && <EvaluateDialog job={job} onOpenChange={change} />}
      {open === 'version' && <VersionDialog job={job} onOpenChange={change} />}
      {open === 'transcribe' && <TranscribeDialog job={job} onOpenChange={change} />}
    </>
  );
}
