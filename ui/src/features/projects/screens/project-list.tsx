'use client';

import type { ProjectOut } from '@less-is-more/client';
import { FolderKanban, Pencil, Plus, Trash2 } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { type Column, DataTable } from '@/components/data-table';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { RelativeTime } from '@/components/ui/relative-time';
import { Tabs, TabsContent, TabsList, TabsTrigger } from '@/components/ui/tabs';
import { useUrlState } from '@/lib/url-state';
import { useDebounced } from '@/lib/use-debounced';
import { useProjectList } from '../api';
import { DeleteProjectDialog, ProjectDialog } from '../dialogs/project-dialogs';
import { AdapterTable } from '../tabs/adapter-table';

const DEFAULTS = { tab: 'projects', q: '' };

const COLUMNS: Column<ProjectOut>[] = [
  {
    id: 'name',
    header: 'Name',
    isTitle: true,
    cell: (project) => (
      <span dir="auto" title={project.name} className="block max-w-80 truncate">
        {project.name}
      </span>
    ),
    sortValue: (project) => project.name,
  },
  {
    id: 'description',
    header: 'Description',
    cell: (project) => (
      <span dir="auto" title={project.description} className="block max-w-96 truncate text-muted-foreground">
        {project.description || '–'}
      </span>
    ),
  },
  {
    id: 'updated',
    header: 'Changed',
    cell: (project) => <RelativeTime time={project.updated_at} className="whitespace-nowrap" />,
    sortValue: (project) => project.updated_at,
  },
  {
    id: 'created',
    header: 'Created',
    cell: (project) => <RelativeTime time={project.created_at} className="whitespace-nowrap" />,
    sortValue: (project) => project.created_at,
  },
];

export function ProjectListScreen() {
  const [{ tab, q }, change] = useUrlState(DEFAULTS);
  const current = tab === 'adapters' ? 'adapters' : 'projects';
  return (
    <>
      <PageHeader
        title="Projects & adapters"
        description="Projects keep what belongs to one goal together. Adapters keep good results, version by version."
        className="mb-3"
      />
      <Tabs value={current} onValueChange={(next) => change({ tab: next, q: '' })}>
        <TabsList aria-label="Projects or adapters">
          <TabsTrigger value="projects">Projects</TabsTrigger>
          <TabsTrigger value="adapters">Adapters</TabsTrigger>
        </TabsList>
        <TabsContent value="projects">
          <ProjectTable q={q} onSearch={(next) => change({ q: next })} />
        </TabsContent>
        <TabsContent value="adapters">
          <AdapterTable q={q} onSearch={(next) => change({ q: next })} />
        </TabsContent>
      </Tabs>
    </>
  );
}

type Asked = { what: 'new' } | { what: 'edit' | 'delete'; project: ProjectOut };

function ProjectTable({ q, onSearch }: { q: string; onSearch: (q: string) => void }) {
  const list = useProjectList(useDebounced(q));
  const [asked, setAsked] = useState<Asked | null>(null);
  const router = useRouter();
  const close = () => setAsked(null);
  const create = (
    <Button variant="primary" onClick={() => setAsked({ what: 'new' })}>
      <Plus aria-hidden /> New project
    </Button>
  );
  return (
    <>
      <DataTable<ProjectOut>
        id="projects"
        label="Projects"
        columns={COLUMNS}
        list={list}
        rowKey={(project) => project.id}
        rowHref={(project) => `/projects/${project.id}`}
        search={{ value: q, onChange: onSearch, placeholder: 'Search projects …' }}
        actions={create}
        rowActions={(project) => [
          {
            label: 'Edit …',
            icon: <Pencil aria-hidden />,
            onSelect: () => setAsked({ what: 'edit', project }),
          },
          {
            label: 'Delete …',
            icon: <Trash2 aria-hidden />,
            danger: true,
            onSelect: () => setAsked({ what: 'delete', project }),
          },
        ]}
        empty={
          <EmptyState
            icon={FolderKanban}
            title="No projects yet"
            description="A project keeps the datasets, jobs, pipelines and adapters of one goal together. You can work without one."
            actions={create}
          />
        }
      />
      {asked?.what === 'new' && (
        <ProjectDialog onClose={close} onSaved={(project) => router.push(`/projects/${project.id}`)} />
      )}
      {asked?.what === 'edit' && <ProjectDialog project={asked.project} onClose={close} />}
      {asked?.what === 'delete' && <DeleteProjectDialog project={asked.project} onClose={close} />}
    </>
  );
}
