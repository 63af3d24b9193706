'use client';

import { Box } from 'lucide-react';
import Link from 'next/link';
import { useState } from 'react';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { EmptyState } from '@/components/ui/empty-state';
import { Switch } from '@/components/ui/switch';
import { useCatalogue } from '@/features/models/api';
import { familyWords, languageWords, parameterWords } from '@/features/models/model-words';
import { formatWords } from '@/lib/format';
import { ChoiceList } from './choice-list';
import { whyNotModel } from './tasks';
import type { Wizard } from './use-wizard';

export function ModelStep({ wizard, onChoose }: { wizard: Wizard; onChoose: (id: string) => void }) {
  const [text, setText] = useState('');
  const [onlyFitting, setOnlyFitting] = useState(false);
  const catalogue = useCatalogue();
  const dataset = wizard.dataset.data;
  const words = text.trim().toLowerCase();
  const rows = (catalogue.data ?? [])
    .filter((model) => model.status === 'active' || model.id === wizard.model.data?.id)
    .filter((model) => `${model.title} ${model.id} ${model.family}`.toLowerCase().includes(words))
    .map((model) => ({ model, whyNot: whyNotModel(model, dataset) }))
    .filter(({ whyNot }) => !onlyFitting || whyNot === null)
    // Those that fit first; among them the small ones, which are quick to try.
    .sort(
      (a, b) =>
        Number(a.whyNot !== null) - Number(b.whyNot !== null) || a.model.parameters - b.model.parameters,
    );
  return (
    <ChoiceList
      label="Model"
      rows={rows}
      value={wizard.model.data?.id ?? ''}
      onChange={({ model }) => {
        wizard.touched('model');
        onChoose(model.id);
      }}
      rowKey={({ model }) => model.id}
      render={({ model, whyNot }) => ({
        title: <span dir="auto">{model.title}</span>,
        description: (
          <>
            <span dir="auto" className="line-clamp-2 block" title={model.description}>
              {model.description}
            </span>
            <span className="tabular mt-0.5 block text-xs">
              {[
                familyWords(model.family),
                parameterWords(model.parameters),
                languageWords(model.languages),
                model.licence,
              ].join(' · ')}
            </span>
          </>
        ),
        aside: (
          <span className="flex flex-col items-end gap-1 max-sm:hidden">
            {(model.tasks ?? []).map((task) => (
              <Badge key={task} tone="outline">
                {formatWords(task)}
              </Badge>
            ))}
          </span>
        ),
        whyNot,
      })}
      search={{ value: text, onChange: setText, placeholder: 'Search models …' }}
      filters={
        dataset && (
          <span className="ml-auto flex items-center gap-2 text-sm">
            <Switch id="only-fitting" checked={onlyFitting} onCheckedChange={setOnlyFitting} />
            <label htmlFor="only-fitting">Only for {formatWords(dataset.task).toLowerCase()}</label>
          </span>
        )
      }
      isFiltered={onlyFitting}
      isLoading={catalogue.isPending}
      error={catalogue.error}
      onRetry={() => void catalogue.refetch()}
      none={words ? `No model matches “${text.trim()}”.` : 'No model of the catalogue does this task.'}
      empty={
        <EmptyState
          icon={Box}
          title="The catalogue is empty"
          description="An administrator can add models to it."
          actions={
            <Button asChild>
              <Link href="/models" prefetch={false}>
                Open models
              </Link>
            </Button>
          }
        />
      }
    />
  );
}
