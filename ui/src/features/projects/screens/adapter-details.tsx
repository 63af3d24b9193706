'use client';

import type { AdapterOut } from '@less-is-more/client';
import { GitCompareArrows, Package, Pencil, Plus, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Card, CardHeader } from '@/components/ui/card';
import { EmptyState } from '@/components/ui/empty-state';
import { ErrorState } from '@/components/ui/error-state';
import { PageHeader } from '@/components/ui/page-header';
import { Skeleton } from '@/components/ui/skeleton';
import { useRouteId } from '@/lib/route-id';
import { CompareDialog } from '../adapter/compare-dialog';
import { UsageCard } from '../adapter/usage-card';
import { VersionCard } from '../adapter/version-card';
import { useAdapter, useProject, useVersions } from '../api';
import { AdapterDialog, AddVersionDialog, DeleteAdapterDialog } from '../dialogs/adapter-dialogs';

const CRUMBS = [{ label: 'Adapters', href: '/projects?tab=adapters' }];

export function AdapterDetailsScreen() {
  const id = useRouteId();
  const adapter = useAdapter(id);
  if (adapter.error && !adapter.data) {
    return (
      <>
        <PageHeader title="Adapter" crumbs={CRUMBS} />
        <div className="rounded-lg border bg-card">
          <ErrorState error={adapter.error} onRetry={() => void adapter.refetch()} />
        </div>
      </>
    );
  }
  if (!adapter.data) {
    return (
      <div aria-busy>
        <span className="sr-only" role="status">
          Loading the adapter
        </span>
        <Skeleton className="mb-2 h-5 w-24" />
        <Skeleton className="mb-6 h-8 w-72" />
        <Skeleton className="h-72 w-full rounded-lg" />
      </div>
    );
  }
  return <Details key={id} adapter={adapter.data} />;
}

function Details({ adapter }: { adapter: AdapterOut }) {
  const [asked, setAsked] = useState<'edit' | 'delete' | 'add' | 'compare' | null>(null);
  const [selected, setSelected] = useState<readonly number[]>([]);
  const versions = useVersions(adapter.id);
  const project = useProject(adapter.project_id ?? '');
  const router = useRouter();
  const close = () => setAsked(null);
  const [a, b] = [...selected].sort((one, other) => one - other);
  const newest = versions.rows[0];
  return (
    <>
      <PageHeader
        title={adapter.name}
        crumbs={CRUMBS}
        description={
          <>
            {adapter.description && (
              <span dir="auto" className="block">
                {adapter.description}
              </span>
            )}
            {project.data && (
              <span>
                In the project{' '}
                <Link
                  href={`/projects/${project.data.id}?tab=adapters`}
                  prefetch={false}
                  className="text-primary-text underline-offset-4 hover:underline"
                >
                  {project.data.name}
                </Link>
              </span>
            )}
          </>
        }
        actions={
          <>
            <Button variant="danger-ghost" onClick={() => setAsked('delete')}>
              <Trash2 aria-hidden /> Delete
            </Button>
            <Button onClick={() => setAsked('edit')}>
              <Pencil aria-hidden /> Edit
            </Button>
            <Button variant="primary" onClick={() => setAsked('add')}>
              <Plus aria-hidden /> Add version
            </Button>
          </>
        }
      />
      {versions.error && versions.rows.length === 0 ? (
        <div className="rounded-lg border bg-card">
          <ErrorState error={versions.error} onRetry={versions.reload} />
        </div>
      ) : versions.isLoading ? (
        <div aria-busy>
          <Skeleton className="h-72 w-full rounded-lg" />
        </div>
      ) : newest === undefined ? (
        <div className="rounded-lg border border-dashed">
          <EmptyState
            icon={Package}
            title="No versions yet"
            description="Add the result of a training as the first version. It keeps the files, the settings, the data and the figures for good."
            actions={
              <Button variant="primary" onClick={() => setAsked('add')}>
                <Plus aria-hidden /> Add version
              </Button>
            }
          />
        </div>
      ) : (
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 xl:grid-cols-[minmax(0,1fr)_28rem]">
          <Card>
            <CardHeader
              title="Versions"
              description={
                versions.rows.length > 1 ? 'Choose two to see what differs.' : 'A version never changes.'
              }
              actions={
                versions.rows.length > 1 && (
                  <Button size="sm" disabled={selected.length !== 2} onClick={() => setAsked('compare')}>
                    <GitCompareArrows aria-hidden /> Compare
                  </Button>
                )
              }
            />
            <ul className="divide-y border-t" aria-label="Versions">
              {versions.rows.map((version) => (
                <VersionCard
                  key={version.id}
                  version={version}
                  isNewest={version.number === newest.number}
                  isSelected={selected.includes(version.number)}
                  isFull={selected.length >= 2 || versions.rows.length < 2}
                  onSelect={(chosen) =>
                    setSelected((now) =>
                      chosen ? [...now, version.number] : now.filter((each) => each !== version.number),
                    )
                  }
                />
              ))}
            </ul>
            {versions.hasMore && (
              <div className="border-t p-3 text-center">
                <Button size="sm" busy={versions.isLoadingMore} onClick={versions.loadMore}>
                  Load more
                </Button>
              </div>
            )}
          </Card>
          <UsageCard name={adapter.name} version={newest} />
        </div>
      )}
      {asked === 'edit' && <AdapterDialog adapter={adapter} onClose={close} />}
      {asked === 'add' && <AddVersionDialog adapter={adapter} onClose={close} />}
      {asked === 'delete' && (
        <DeleteAdapterDialog
          adapter={adapter}
          onClose={close}
          onDone={() => router.replace('/projects?tab=adapters')}
        />
      )}
      {asked === 'compare' && a !== undefined && b !== undefined && (
        <CompareDialog adapterId={adapter.id} a={a} b={b} onClose={close} />
      )}
    </>
  );
}
