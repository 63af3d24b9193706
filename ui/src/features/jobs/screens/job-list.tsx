'use client';

import { Activity, Copy, GitCompareArrows, Play, Square, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { useMemo, useState } from 'react';
import { DataTable, listSearch } from '@/components/data-table';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { useUrlState } from '@/lib/url-state';
import { useDebounced } from '@/lib/use-debounced';
import { useOpenComparison, useResume } from '../actions/job-actions';
import { DeleteDialog, StopDialog } from '../actions/lazy-dialogs';
import { useJobs, usePlaces, useProjects } from '../api';
import type { Job } from '../contract';
import { columnsOf } from '../list/columns';
import { hasEnded, isResumable, isStoppable, JOB_KINDS, JOB_STATUSES } from '../model/job';

const DEFAULTS = { q: '', status: '', type: '', project: '' };
/** Most jobs that a comparison shows beside each other. */
const MOST_COMPARED = 8;

type Asked = { what: 'stop' | 'delete'; jobs: readonly Job[]; done?: () => void };

export function JobListScreen() {
  const [state, setState] = useUrlState(DEFAULTS);
  const q = useDebounced(state.q);
  const filters = useMemo(
    () => ({ q, status: state.status, type: state.type, project: state.project }),
    [q, state.status, state.type, state.project],
  );
  const list = useJobs(filters);
  const projects = useProjects();
  const hasQueued = list.rows.some((job) => job.status === 'queued');
  const places = usePlaces(hasQueued);
  const columns = useMemo(() => columnsOf(places.data), [places.data]);
  const [asked, setAsked] = useState<Asked | null>(null);
  const resume = useResume();
  const compare = useOpenComparison();
  const close = (open: boolean) => {
    if (!open) setAsked(null);
  };

  const narrowed = listSearch(state, setState, JOB_STATUSES, projects.data);
  return (
    <>
      <PageHeader
        title="Training jobs"
        description="Everything that the cluster does for you: trainings, evaluations, selections, sweeps and dataset imports."
      />
      <DataTable<Job>
        id="jobs"
        label="Training jobs"
        columns={columns}
        list={list}
        rowKey={(job) => job.id}
        rowHref={(job) => `/jobs/${job.id}`}
        search={narrowed.search}
        filters={[
          ...narrowed.filters.slice(0, 1),
          {
            id: 'type',
            label: 'Kind',
            value: state.type,
            options: JOB_KINDS,
            onChange: (value) => setState({ type: value }),
          },
          ...narrowed.filters.slice(1),
        ]}
        rowActions={(job) => [
          isStoppable(job.status)
            ? {
                label: 'Stop …',
                icon: <Square aria-hidden />,
                onSelect: () => setAsked({ what: 'stop', jobs: [job] }),
              }
            : null,
          isResumable(job.status)
            ? { label: 'Resume', icon: <Play aria-hidden />, onSelect: () => void resume(job) }
            : null,
          job.type === 'training'
            ? {
                label: 'Clone into a new training',
                icon: <Copy aria-hidden />,
                href: `/jobs/new?from=${job.id}`,
              }
            : null,
          hasEnded(job.status)
            ? {
                label: 'Delete …',
                icon: <Trash2 aria-hidden />,
                danger: true,
                onSelect: () => setAsked({ what: 'delete', jobs: [job] }),
              }
            : null,
        ]}
        bulkActions={(rows, clear) => {
          const stoppable = rows.filter((job) => isStoppable(job.status));
          const ended = rows.filter((job) => hasEnded(job.status));
          return (
            <>
              <Button
                size="sm"
                disabled={rows.length < 2 || rows.length > MOST_COMPARED}
                title={rows.length > MOST_COMPARED ? `At most ${MOST_COMPARED} jobs` : undefined}
                onClick={() => compare(rows)}
              >
                <GitCompareArrows aria-hidden /> Compare
              </Button>
              <Button
                size="sm"
                disabled={stoppable.length === 0}
                onClick={() => setAsked({ what: 'stop', jobs: stoppable, done: clear })}
              >
                <Square aria-hidden /> Stop
              </Button>
              <Button
                size="sm"
                variant="danger-ghost"
                disabled={ended.length === 0}
                onClick={() => setAsked({ what: 'delete', jobs: ended, done: clear })}
              >
                <Trash2 aria-hidden /> Delete
              </Button>
            </>
          );
        }}
        empty={
          <EmptyState
            icon={Activity}
            title="No jobs yet"
            description="A training takes a model and one of your datasets, and makes the model better on recordings like yours. Four steps, with sensible settings to begin with."
            actions={
              <Button asChild variant="primary">
                <Link href="/jobs/new" prefetch={false}>
                  Start a training
                </Link>
              </Button>
            }
          />
        }
      />
      {asked?.what === 'stop' && (
        <StopDialog
          jobs={asked.jobs}
          open
          onOpenChange={close}
          {...(asked.done ? { onDone: asked.done } : {})}
        />
      )}
      {asked?.what === 'delete' && (
        <DeleteDialog
          jobs={asked.jobs}
          open
          onOpenChange={close}
          {...(asked.done ? { onDone: asked.done } : {})}
        />
      )}
    </>
  );
}
