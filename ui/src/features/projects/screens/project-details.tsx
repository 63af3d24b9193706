'use client';

import type { ProjectOut } from '@less-is-more/client';
import { Pencil, Trash2 } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { ErrorState } from '@/components/ui/error-state';
import { PageHeader } from '@/components/ui/page-header';
import { Skeleton } from '@/components/ui/skeleton';
import { Tabs, TabsContent, TabsList, TabsTrigger } from '@/components/ui/tabs';
import { useRouteId } from '@/lib/route-id';
import { useUrlState } from '@/lib/url-state';
import { useProject } from '../api';
import { DeleteProjectDialog, ProjectDialog } from '../dialogs/project-dialogs';
import { AdapterTable } from '../tabs/adapter-table';
import { ProjectDatasets, ProjectJobs, ProjectPipelines } from '../tabs/contents';

const CRUMBS = [{ label: 'Projects', href: '/projects' }];
const DEFAULTS = { tab: 'datasets', q: '' };
const TABS = [
  { id: 'datasets', label: 'Datasets' },
  { id: 'jobs', label: 'Jobs' },
  { id: 'pipelines', label: 'Pipelines' },
  { id: 'adapters', label: 'Adapters' },
] as const;

export function ProjectDetailsScreen() {
  const id = useRouteId();
  const project = useProject(id);
  if (project.error && !project.data) {
    return (
      <>
        <PageHeader title="Project" crumbs={CRUMBS} />
        <div className="rounded-lg border bg-card">
          <ErrorState error={project.error} onRetry={() => void project.refetch()} />
        </div>
      </>
    );
  }
  if (!project.data) {
    return (
      <div aria-busy>
        <span className="sr-only" role="status">
          Loading the project
        </span>
        <Skeleton className="mb-2 h-5 w-24" />
        <Skeleton className="mb-6 h-8 w-72" />
        <Skeleton className="h-64 w-full rounded-lg" />
      </div>
    );
  }
  return <Details key={id} project={project.data} />;
}

function Details({ project }: { project: ProjectOut }) {
  const [{ tab, q }, change] = useUrlState(DEFAULTS);
  const [asked, setAsked] = useState<'edit' | 'delete' | null>(null);
  const router = useRouter();
  const current = TABS.find((each) => each.id === tab)?.id ?? 'datasets';
  const close = () => setAsked(null);
  return (
    <>
      <PageHeader
        title={project.name}
        crumbs={CRUMBS}
        description={project.description ? <span dir="auto">{project.description}</span> : undefined}
        actions={
          <>
            <Button variant="danger-ghost" onClick={() => setAsked('delete')}>
              <Trash2 aria-hidden /> Delete
            </Button>
            <Button onClick={() => setAsked('edit')}>
              <Pencil aria-hidden /> Edit
            </Button>
          </>
        }
        className="mb-3"
      />
      <Tabs value={current} onValueChange={(next) => change({ tab: next, q: '' })}>
        <TabsList aria-label="What is in the project">
          {TABS.map(({ id, label }) => (
            <TabsTrigger key={id} value={id}>
              {label}
            </TabsTrigger>
          ))}
        </TabsList>
        <TabsContent value="datasets">
          <ProjectDatasets projectId={project.id} />
        </TabsContent>
        <TabsContent value="jobs">
          <ProjectJobs projectId={project.id} />
        </TabsContent>
        <TabsContent value="pipelines">
          <ProjectPipelines projectId={project.id} />
        </TabsContent>
        <TabsContent value="adapters">
          <AdapterTable projectId={project.id} q={q} onSearch={(next) => change({ q: next })} />
        </TabsContent>
      </Tabs>
      {asked === 'edit' && <ProjectDialog project={project} onClose={close} />}
      {asked === 'delete' && (
        <DeleteProjectDialog project={project} onClose={close} onDone={() => router.replace('/projects')} />
      )}
    </>
  );
}
