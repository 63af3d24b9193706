'use client';

import type { DatasetItemOut } from '@less-is-more/client';
import { ChevronDown, ChevronUp, Keyboard, Undo2, VolumeX } from 'lucide-react';
import dynamic from 'next/dynamic';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { FormField } from '@/components/ui/form-field';
import { Input, Textarea } from '@/components/ui/input';
import { Kbd } from '@/components/ui/kbd';
import { Select } from '@/components/ui/select';
import { Sheet } from '@/components/ui/sheet';
import { Skeleton } from '@/components/ui/skeleton';
import { formatCount, formatDuration } from '@/lib/format';
import { findingTitle, SEVERITIES, sentence } from '../findings';
import type { TaskWords } from '../tasks';
import { type Severity, SPLITS, type Split } from '../types';
import { type Draft, drafted, howToKeep, type ItemChange } from './draft';
import { useHotkeys } from './hotkeys';

const Waveform = dynamic(() => import('./waveform'), {
  ssr: false,
  loading: () => <Skeleton className="h-64 w-full" />,
});

interface ItemDrawerProps {
  item: DatasetItemOut;
  /** Its place in the list, from 0, and how many there are. */
  index: number;
  total: number | null;
  draft: Draft;
  task: TaskWords;
  /** Changes can be made: this is the version that the draft is about. */
  onChange: ((change: ItemChange) => void) | null;
  onUndo: () => void;
  onStep: (step: 1 | -1) => void;
  onClose: () => void;
}

const NO_SPLIT = '-';
const SPLIT_WORDS: Record<Split, string> = { train: 'Training', validation: 'Validation', test: 'Test' };
const HOTKEYS: readonly [string, string][] = [
  ['Space', 'play or pause'],
  ['← →', 'half a second back or on'],
  ['Home', 'to the start'],
  ['J K', 'next or previous item'],
  ['L', 'loop'],
  ['+ −', 'zoom in or out'],
  ['E', 'edit the text'],
  ['X', 'leave out or keep'],
  ['Esc', 'close'],
  ['?', 'show these keys'],
];

/** One item closely: hear and see it, read what the checks found, correct it, leave it out or keep it. */
export function ItemDrawer({
  item,
  index,
  total,
  draft,
  task,
  onChange,
  onUndo,
  onStep,
  onClose,
}: ItemDrawerProps) {
  const now = drafted(item, draft);
  const [isHelpOpen, setIsHelpOpen] = useState(false);
  const text = useRef<HTMLTextAreaElement>(null);
  const wasStepped = useRef(false);
  const way = item.status === 'good' ? 'decide' : howToKeep(item);
  const canDecide = onChange !== null && way === 'decide';
  const decide = () => onChange?.({ verdict: now.isIn ? 'reject' : 'accept' });
  const step = (by: 1 | -1) => {
    wasStepped.current = true;
    onStep(by);
  };
  useHotkeys(
    {
      j: () => step(1),
      arrowdown: () => step(1),
      k: () => step(-1),
      arrowup: () => step(-1),
      e: onChange ? () => text.current?.focus() : undefined,
      x: canDecide ? decide : undefined,
      '?': () => setIsHelpOpen(true),
    },
    !isHelpOpen,
  );
  return (
    <Sheet
      open
      onOpenChange={(open) => !open && onClose()}
      className="w-full sm:w-[min(44rem,92vw)]"
      title={<span className="font-mono font-normal text-sm">{item.path}</span>}
      description={
        <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="tabular">
            {formatCount(index + 1)} of {formatCount(total)}
          </span>
          <span aria-hidden>·</span>
          <span>{formatDuration(item.duration_s)}</span>
          <Badge tone={now.isIn ? 'success' : 'danger'}>{now.isIn ? 'In the dataset' : 'Left out'}</Badge>
          {now.isChanged && <Badge tone="primary">Not applied yet</Badge>}
        </span>
      }
      footer={
        <div className="flex w-full flex-wrap items-center gap-2">
          <Button onClick={() => step(-1)} disabled={index === 0} aria-label="Previous item">
            <ChevronUp aria-hidden /> <span className="max-sm:hidden">Previous</span>
          </Button>
          <Button
            onClick={() => step(1)}
            disabled={total !== null && index >= total - 1}
            aria-label="Next item"
          >
            <ChevronDown aria-hidden /> <span className="max-sm:hidden">Next</span>
          </Button>
          <Button variant="ghost" size="icon" aria-label="Keys" onClick={() => setIsHelpOpen(true)}>
            <Keyboard aria-hidden />
          </Button>
          <span className="ml-auto flex flex-wrap gap-2">
            {now.isChanged && onChange && draft.items[item.path] && (
              <Button onClick={onUndo}>
                <Undo2 aria-hidden /> Undo
              </Button>
            )}
            {canDecide && (
              <Button variant={now.isIn ? 'danger-ghost' : 'primary'} onClick={decide}>
                {now.isIn ? 'Leave out' : item.status === 'good' ? 'Keep' : 'Keep anyway'}
              </Button>
            )}
          </span>
        </div>
      }
    >
      <div className="grid grid-cols-1 gap-5 pt-1">
        {item.audio_url ? (
          <Waveform url={item.audio_url} autoPlay={wasStepped.current} />
        ) : (
          <p className="flex items-start gap-2.5 rounded-lg bg-muted px-3 py-2.5 text-sm">
            <VolumeX className="mt-0.5 size-4 shrink-0 text-muted-foreground" aria-hidden />
            <span>
              {way === 'decide'
                ? 'What is left out is not stored, so it cannot be played here. Keep it, make a new version, and listen then.'
                : way === 'text'
                  ? 'What is left out is not stored, so it cannot be played here. Write its text below to keep it.'
                  : 'It cannot be kept as it is: correct it where it came from, and add the recordings again.'}
            </span>
          </p>
        )}
        {item.findings.length > 0 && (
          <section aria-label="Findings" className="grid gap-2">
            {item.findings.map((finding) => {
              const severity = SEVERITIES[finding.severity as Severity];
              return (
                <div
                  key={`${finding.code} ${finding.reason}`}
                  className="rounded-lg border px-3 py-2.5 text-sm"
                >
                  <p className="flex flex-wrap items-center gap-2 font-medium">
                    {findingTitle(finding.code)}
                    <Badge tone={severity?.tone ?? 'neutral'}>{severity?.label ?? finding.severity}</Badge>
                  </p>
                  <p className="name mt-1">{sentence(finding.reason)}</p>
                  <p className="name mt-1 text-muted-foreground">What to do: {sentence(finding.action)}</p>
                </div>
              );
            })}
          </section>
        )}
        <TextField
          key={item.path}
          field={text}
          label={task.target}
          value={now.text}
          before={item.text ?? ''}
          rows={task.id === 'audio_classification' ? 1 : 4}
          onChange={
            onChange && (item.status === 'good' || way !== 'never')
              ? (next) => onChange({ text: next })
              : null
          }
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <FormField label={task.group} description="One is never divided between training and test.">
            <Input
              dir="auto"
              key={item.path}
              defaultValue={now.group ?? ''}
              disabled={!onChange}
              placeholder="Not known"
              onBlur={(event) => onChange?.({ group: event.target.value.trim() || null })}
            />
          </FormField>
          <FormField label="Part" description="None: each training decides.">
            <Select
              value={now.split ?? NO_SPLIT}
              disabled={!onChange}
              onValueChange={(value) => onChange?.({ split: value === NO_SPLIT ? null : (value as Split) })}
              options={[
                { value: NO_SPLIT, label: 'None' },
                ...SPLITS.map((value) => ({ value, label: SPLIT_WORDS[value] })),
              ]}
            />
          </FormField>
        </div>
      </div>
      <Dialog open={isHelpOpen} onOpenChange={setIsHelpOpen} title="Keys">
        <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2 text-sm">
          {HOTKEYS.map(([key, words]) => (
            <div key={key} className="col-span-2 grid grid-cols-subgrid items-center">
              <dt className="flex gap-1">
                {key.split(' ').map((one) => (
                  <Kbd key={one}>{one}</Kbd>
                ))}
              </dt>
              <dd>{words}</dd>
            </div>
          ))}
        </dl>
      </Dialog>
    </Sheet>
  );
}

interface TextFieldProps {
  field: RefObject<HTMLTextAreaElement | null>;
  label: string;
  value: string;
  before: string;
  rows: number;
  onChange: ((text: string) => void) | null;
}

/** The text is taken over when the field is left, or with Ctrl+Enter; an item is never left without a text. */
function TextField({ field, label, value, before, rows, onChange }: TextFieldProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const isEmpty = text.trim() === '' && before !== '';
  const take = () => {
    if (!onChange || text.trim() === '' || text === value) return;
    onChange(text.trim());
  };
  return (
    <FormField
      label={label}
      aside={
        onChange && (
          <span className="max-sm:hidden">
            <Kbd>E</Kbd> to edit
          </span>
        )
      }
      description={value !== before && before ? `Before: ${before}` : undefined}
      error={isEmpty ? 'An item needs its text. To take it out of the dataset, leave it out.' : undefined}
    >
      <Textarea
        ref={field}
        dir="auto"
        rows={rows}
        value={text}
        readOnly={!onChange}
        onChange={(event) => setText(event.target.value)}
        onBlur={take}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            take();
            event.currentTarget.blur();
          }
          if (event.key === 'Escape') {
            event.stopPropagation();
            event.nativeEvent.stopImmediatePropagation();
            setText(value);
            event.currentTarget.blur();
          }
        }}
        className="text-base leading-6"
      />
    </FormField>
  );
}
