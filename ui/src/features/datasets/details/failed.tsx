'use client';

import { CircleX, RotateCw, SlidersHorizontal, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { Button } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { toast } from '@/components/ui/toast';
import { useProcessAgain, useReport } from '../api';
import { failureOf } from '../errors';
import { FindingList } from '../report/finding-list';
import { groupFindings } from '../report/group';
import type { DatasetRow } from '../types';

interface FailedProps {
  dataset: DatasetRow;
  onOptions: () => void;
  onDelete: () => void;
}

/** A dataset that cannot be used: why, what to do, and what can be tried from here. */
export function Failed({ dataset, onOptions, onDelete }: FailedProps) {
  const { data: report = null, isPending } = useReport(dataset.id, null, true);
  const again = useProcessAgain(dataset);
  if (isPending) return null;
  const { title, cure } = failureOf(dataset.error, report);
  const groups = report ? groupFindings(report) : [];
  return (
    <div className="grid grid-cols-1 gap-4">
      <Card role="alert" className="border-danger/40 p-4 sm:p-5">
        <div className="flex items-start gap-3">
          <CircleX className="mt-0.5 size-5 shrink-0 text-danger-text" aria-hidden />
          <div className="min-w-0 flex-1">
            <h2 className="name font-semibold text-base">{title}</h2>
            <p className="name mt-1 text-sm">{cure}</p>
            {dataset.error && (
              <details className="mt-3">
                <summary className="w-fit rounded text-muted-foreground text-sm">
                  What the platform says
                </summary>
                <p className="name mt-1.5 whitespace-pre-line rounded-md bg-muted px-3 py-2 font-mono text-xs">
                  {dataset.error}
                </p>
              </details>
            )}
            <div className="mt-4 flex flex-wrap gap-2">
              <Button variant="primary" asChild>
                <Link href="/datasets/new" prefetch={false}>
                  Add it again
                </Link>
              </Button>
              <Button
                busy={again.isPending}
                onClick={() =>
                  again.mutate(undefined, {
                    onSuccess: () => toast.success('It is processed again'),
                    onError: (error) => toast.error(error),
                  })
                }
              >
                <RotateCw aria-hidden /> Try again
              </Button>
              <Button onClick={onOptions}>
                <SlidersHorizontal aria-hidden /> Other options
              </Button>
              <Button variant="danger-ghost" onClick={onDelete}>
                <Trash2 aria-hidden /> Delete
              </Button>
            </div>
          </div>
        </div>
      </Card>
      {groups.length > 0 && <FindingList groups={groups} />}
    </div>
  );
}
