'use client';

import { Play } from 'lucide-react';
import Link from 'next/link';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import type { Job } from '../contract';
import { bannerOf } from '../model/banner';
import { isResumable } from '../model/job';

/** How a job stands, in plain words, and what to do. */
export function StatusBanner({ job, onResume }: { job: Job; onResume: () => void }) {
  // What a running job does stands in its progress card.
  if (job.status === 'running' || job.status === 'starting') return null;
  const banner = bannerOf(job, Date.now());
  if (!banner) return null;
  const text = banner.text && banner.text.length > 600 ? `${banner.text.slice(0, 600)} …` : banner.text;
  return (
    <Alert
      tone={banner.tone}
      title={banner.title}
      actions={
        isResumable(job.status) ? (
          <Button size="sm" onClick={onResume}>
            <Play aria-hidden /> Resume
          </Button>
        ) : undefined
      }
    >
      {text && <p className="whitespace-pre-line">{text}</p>}
      {banner.cure && (
        <p className="mt-1">
          {banner.tone === 'danger' && <span className="font-medium">What to do: </span>}
          {banner.cure}
        </p>
      )}
      {job.status === 'failed' && (
        <p className="mt-1">
          <Link
            href={`/jobs/${job.id}?tab=logs&level=warning`}
            prefetch={false}
            className="rounded font-medium text-primary-text hover:underline"
          >
            Warnings and errors in the log
          </Link>
        </p>
      )}
    </Alert>
  );
}
