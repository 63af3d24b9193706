'use client';

import { Database, Plus } from 'lucide-react';
import dynamic from 'next/dynamic';
import Link from 'next/link';
import { useState } from 'react';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { StatusBadge } from '@/components/ui/status-badge';
import { formatBytes, formatDate, formatDuration, formatWords, plural } from '@/lib/format';
import { useDebounced } from '@/lib/use-debounced';
import { useDatasetChoices } from './api';
import { ChoiceList } from './choice-list';
import { whyNotDataset } from './tasks';
import type { Wizard } from './use-wizard';

const VersionField = dynamic(() => import('./version-field').then((module) => module.VersionField));

export function DatasetStep({ wizard, onChoose }: { wizard: Wizard; onChoose: (id: string) => void }) {
  const [text, setText] = useState('');
  const list = useDatasetChoices(useDebounced(text.trim()));
  const model = wizard.model.data;
  const chosen = wizard.dataset.data;
  // A dataset that was chosen elsewhere is shown first, also when it is far down the list.
  const rows =
    chosen && text.trim() === ''
      ? list.rows.some((row) => row.id === chosen.id)
        ? list.rows
        : [chosen, ...list.rows]
      : list.rows;
  return (
    <div className="grid gap-4">
      <ChoiceList
        label="Dataset"
        rows={rows}
        value={chosen?.id ?? ''}
        onChange={(row) => {
          wizard.change({ datasetVersion: null });
          wizard.touched('dataset');
          onChoose(row.id);
        }}
        rowKey={(row) => row.id}
        render={(row) => {
          const { utterances, audio_s, size } = (row.statistics ?? {}) as Record<string, number | undefined>;
          const facts = [
            utterances !== undefined && plural(utterances, 'recording'),
            audio_s !== undefined && formatDuration(audio_s),
            size !== undefined && formatBytes(size),
            formatDate(row.created_at),
          ].filter(Boolean);
          return {
            title: <span dir="auto">{row.name}</span>,
            description: (
              <>
                {row.description && (
                  <span dir="auto" className="line-clamp-1 block" title={row.description}>
                    {row.description}
                  </span>
                )}
                <span className="tabular block">{facts.join(' · ')}</span>
              </>
            ),
            aside: (
              <span className="flex flex-col items-end gap-1 max-sm:hidden">
                <Badge tone="outline">{formatWords(row.task)}</Badge>
                {row.status !== 'ready' && <StatusBadge status={row.status} />}
              </span>
            ),
            whyNot: whyNotDataset(row, model),
          };
        }}
        search={{ value: text, onChange: setText, placeholder: 'Search datasets …' }}
        filters={
          <Button asChild className="ml-auto">
            <Link href="/datasets/new" prefetch={false}>
              <Plus aria-hidden /> Add dataset
            </Link>
          </Button>
        }
        isLoading={list.isLoading}
        isStale={list.isStale}
        error={list.error}
        onRetry={list.reload}
        hasMore={list.hasMore}
        isLoadingMore={list.isLoadingMore}
        onMore={list.loadMore}
        none={`No dataset matches “${text.trim()}”.`}
        empty={
          <EmptyState
            icon={Database}
            title="No datasets yet"
            description="A training learns from recordings with their texts or labels. Add some first; the wizard keeps what you have entered."
            actions={
              <Button asChild variant="primary">
                <Link href="/datasets/new" prefetch={false}>
                  <Plus aria-hidden /> Add dataset
                </Link>
              </Button>
            }
          />
        }
      />
      {chosen && (chosen.version ?? 0) > 1 && (
        <VersionField wizard={wizard} id={chosen.id} newest={chosen.version ?? 1} />
      )}
    </div>
  );
}
