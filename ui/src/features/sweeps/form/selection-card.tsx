'use client';

import { useId } from 'react';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { RadioCard, RadioGroup } from '@/components/ui/radio-group';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { useSelectionMethods } from '../api';
import type { SelectionDraft } from './selection';

interface SelectionCardProps {
  draft: SelectionDraft;
  onChange: (draft: SelectionDraft) => void;
  faults: ReadonlyMap<string, string>;
}

/** Whether trials train on all recordings, or on a part of them. */
export function SelectionCard({ draft, onChange, faults }: SelectionCardProps) {
  const methods = useSelectionMethods();
  const trimId = useId();
  const chosen = methods.data?.find((method) => method.value === draft.method);
  const faultOf = (start: string) => [...faults].find(([path]) => path.startsWith(start))?.[1];
  return (
    <Card>
      <CardHeader
        title="What trials learn from"
        description="Fewer recordings make every trial faster. The choice is made once, and all trials share it."
      />
      <CardContent className="grid gap-4">
        <RadioGroup
          aria-label="What trials learn from"
          value={draft.isOn ? 'part' : 'all'}
          onValueChange={(value) => onChange({ ...draft, isOn: value === 'part' })}
          className="sm:grid-cols-2"
        >
          <RadioCard
            value="all"
            title="All recordings"
            description="Every training example of the dataset."
          />
          <RadioCard
            value="part"
            title="The most useful part"
            description="A share of them, chosen by how much they teach."
          />
        </RadioGroup>
        {draft.isOn && (
          <div className="grid gap-4 sm:grid-cols-[10rem_minmax(0,1fr)]">
            <FormField label="Share" aside="% of the audio" error={faultOf('selection.budget')}>
              <Input
                inputMode="decimal"
                value={draft.percent}
                onChange={(event) => onChange({ ...draft, percent: event.target.value })}
              />
            </FormField>
            <FormField
              label="Chosen by"
              {...(chosen ? { description: chosen.description } : {})}
              error={faultOf('selection.method')}
            >
              <Select
                value={draft.method}
                onValueChange={(method) => onChange({ ...draft, method })}
                options={(methods.data ?? []).map(({ value, label }) => ({ value, label }))}
                disabled={!methods.data}
                placeholder="Loading …"
              />
            </FormField>
            <span className="flex items-center gap-2 text-sm sm:col-span-2">
              <Switch
                id={trimId}
                checked={draft.isTrimmed}
                onCheckedChange={(isTrimmed) => onChange({ ...draft, isTrimmed })}
              />
              <label htmlFor={trimId}>Cut pauses at both ends of a recording</label>
            </span>
          </div>
        )}
      </CardContent>
    </Card>
  );
}
