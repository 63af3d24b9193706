'use client';

import { Activity, Archive, ArchiveRestore, Ellipsis, Pencil } from 'lucide-react';
import dynamic from 'next/dynamic';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { useState } from 'react';
import type { MenuAction } from '@/components/ui/action-menu';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { CopyButton } from '@/components/ui/copy-button';
import { ErrorState } from '@/components/ui/error-state';
import { KeyValues } from '@/components/ui/key-values';
import { OnDemand } from '@/components/ui/on-demand';
import { PageHeader } from '@/components/ui/page-header';
import { RelativeTime } from '@/components/ui/relative-time';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { toast } from '@/components/ui/toast';
import { useAuth } from '@/lib/auth/auth-provider';
import { formatCount, formatWords } from '@/lib/format';
import { useModel, useModelStatus } from '../api';
import { FitsCard } from '../fits-card';
import { MadeWithCard } from '../made-with-card';
import { familyWords, languageWords, modelIdOf, sourceWords } from '../model-words';

const RetireDialog = dynamic(() => import('../retire-dialog').then((module) => module.RetireDialog));
const ModelDialog = dynamic(() => import('../model-dialog').then((module) => module.ModelDialog));
const loadMenu = () => import('@/components/ui/action-menu');
const CRUMBS = [{ label: 'Models', href: '/models' }];

export function ModelDetailsScreen() {
  const id = modelIdOf(usePathname());
  const { isAdmin } = useAuth();
  const { data: model, error, refetch } = useModel(id);
  const status = useModelStatus();
  const [dialog, setDialog] = useState<'edit' | 'retire' | null>(null);
  if (error) {
    return (
      <>
        <PageHeader title="Model" crumbs={CRUMBS} />
        <ErrorState error={error} onRetry={() => void refetch()} />
      </>
    );
  }
  if (!model) {
    return (
      <div aria-busy="true">
        <PageHeader title="Model" crumbs={CRUMBS} />
        <div className="grid gap-4 lg:grid-cols-2">
          <Skeleton className="h-72 rounded-lg" />
          <Skeleton className="h-72 rounded-lg" />
        </div>
      </div>
    );
  }
  const isActive = model.status === 'active';
  const restore = () =>
    status.mutate(
      { id, status: 'active' },
      { onSuccess: () => toast.success('Model restored'), onError: toast.error },
    );
  const actions: readonly MenuAction[] = [
    { label: 'Edit', icon: <Pencil aria-hidden />, onSelect: () => setDialog('edit') },
    isActive
      ? {
          label: 'Delete …',
          icon: <Archive aria-hidden />,
          danger: true,
          onSelect: () => setDialog('retire'),
        }
      : { label: 'Restore', icon: <ArchiveRestore aria-hidden />, onSelect: restore },
  ];
  return (
    <>
      <PageHeader
        title={model.title}
        crumbs={CRUMBS}
        badge={<StatusBadge status={model.status} />}
        description={<span dir="auto">{model.description}</span>}
        actions={
          <>
            {isAdmin && (
              <OnDemand
                load={loadMenu}
                button={{ size: 'icon', 'aria-label': 'More actions', children: <Ellipsis aria-hidden /> }}
                props={{ actions }}
              />
            )}
            {isActive && (
              <Button asChild variant="primary">
                <Link href={`/jobs/new?model=${encodeURIComponent(model.id)}`} prefetch={false}>
                  <Activity aria-hidden /> Train this model
                </Link>
              </Button>
            )}
          </>
        }
      />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card>
          <CardHeader title="Facts" />
          <CardContent>
            <KeyValues
              items={[
                [
                  'Type',
                  <span key="tasks" className="flex flex-wrap gap-1">
                    {(model.tasks ?? []).map((task) => (
                      <Badge key={task}>{formatWords(task)}</Badge>
                    ))}
                  </span>,
                ],
                ['Architecture', familyWords(model.family)],
                ['Parameters', formatCount(model.parameters)],
                ['Languages', languageWords(model.languages)],
                ['Licence', model.licence],
                [
                  'Id',
                  <span key="id" className="-my-1 flex items-center gap-1">
                    <code className="font-mono text-xs">{model.id}</code>
                    <CopyButton text={model.id} label="Copy the id" />
                  </span>,
                ],
                [
                  'Source',
                  <span key="source">
                    <code className="font-mono text-xs">{model.source}</code>
                    <span className="block text-muted-foreground text-xs">{sourceWords(model)}</span>
                  </span>,
                ],
                ['Changed', <RelativeTime key="changed" time={model.updated_at} />],
              ]}
            />
          </CardContent>
        </Card>
        <FitsCard model={model} />
        <div className="lg:col-span-2">
          <MadeWithCard model={model} />
        </div>
      </div>
      {dialog === 'edit' && <ModelDialog model={model} onClose={() => setDialog(null)} />}
      {dialog === 'retire' && <RetireDialog model={model} onClose={() => setDialog(null)} />}
    </>
  );
}
