'use client';

import type { ReactNode } from 'react';
import { Card, CardHeader } from '@/components/ui/card';
import { Checkbox } from '@/components/ui/checkbox';
import { FieldError, FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { cn } from '@/lib/cn';
import type { PipelineDraft } from './draft';

interface StagesEditorProps {
  draft: PipelineDraft;
  onChange: (changes: Partial<PipelineDraft>) => void;
  /** By type of a stage and path inside it. */
  faults: ReadonlyMap<string, string>;
  actions: ReactNode;
}

const BOUNDS = [
  { value: 'none', label: 'Any value' },
  { value: 'at_most', label: 'At most' },
  { value: 'at_least', label: 'At least' },
] as const;

/** The stages in their order; optional ones can be left out, and each asks for what it needs. */
export function StagesEditor({ draft, onChange, faults, actions }: StagesEditorProps) {
  const { validate, select, sweep, evaluate, compare } = draft;
  const faultOf = (start: string) => [...faults].find(([path]) => path.startsWith(start))?.[1];
  /** What the platform says about a stage, but not about a field that is shown. */
  const restOf = (type: string, shown: readonly string[]) =>
    [...faults].find(
      ([path]) => path.split('.')[0] === type && !shown.some((field) => path.startsWith(`${type}.${field}`)),
    )?.[1];
  return (
    <Card>
      <CardHeader
        title="What it does"
        description="One stage after the other. Each begins when the one before it has succeeded."
        className="flex-col border-b sm:flex-row"
        actions={actions}
      />
      <ol aria-label="Stages">
        <Stage title="Wait for the dataset" about="Until its recordings are read and checked." />
        <Stage
          title="Check the recordings"
          about="Stops before anything is trained on too few or broken recordings."
          isOn={validate.isOn}
          onToggle={(isOn) => onChange({ validate: { ...validate, isOn } })}
          fault={restOf('validate', ['least_utterances', 'most_set_aside_share', 'refuse'])}
        >
          <div className="grid gap-3 sm:grid-cols-2">
            <FormField
              label="Recordings"
              aside="at least"
              error={faultOf('validate.least_utterances')}
              description="Good ones, that were not rejected."
            >
              <Input
                inputMode="numeric"
                value={validate.utterances}
                onChange={(event) => onChange({ validate: { ...validate, utterances: event.target.value } })}
              />
            </FormField>
            <FormField
              label="Rejected"
              aside="% at most"
              error={faultOf('validate.most_set_aside_share')}
              description="Recordings that could not be used."
            >
              <Input
                inputMode="decimal"
                value={validate.rejected}
                onChange={(event) => onChange({ validate: { ...validate, rejected: event.target.value } })}
              />
            </FormField>
          </div>
          <Tick
            id="refuse-leakage"
            isOn={validate.refusesLeakage}
            onChange={(refusesLeakage) => onChange({ validate: { ...validate, refusesLeakage } })}
          >
            Refuse recordings that are in training and test at once
          </Tick>
        </Stage>
        <Stage
          title="Choose the most useful recordings"
          about="Trains on a share of the audio, chosen by how much it teaches."
          isOn={select.isOn}
          onToggle={(isOn) => onChange({ select: { ...select, isOn } })}
          fault={restOf('select', ['selection.budget'])}
        >
          <FormField
            label="Share"
            aside="% of the audio"
            error={faultOf('select.selection.budget')}
            className="max-w-48"
          >
            <Input
              inputMode="decimal"
              value={select.percent}
              onChange={(event) => onChange({ select: { ...select, percent: event.target.value } })}
            />
          </FormField>
        </Stage>
        <Stage
          title="Search the learning rate"
          about="A sweep between 1e-4 and 1e-2; the training then takes the best one. A tenth of the training examples is kept to compare on."
          isOn={sweep.isOn}
          onToggle={(isOn) => onChange({ sweep: { ...sweep, isOn } })}
          fault={restOf('sweep', ['search.algorithm.trials'])}
        >
          <FormField label="Trials" error={faultOf('sweep.search.algorithm.trials')} className="max-w-48">
            <Input
              inputMode="numeric"
              value={sweep.trials}
              onChange={(event) => onChange({ sweep: { ...sweep, trials: event.target.value } })}
            />
          </FormField>
        </Stage>
        <Stage title="Train" about="With the settings below." fault={restOf('train', ['retry'])} />
        <Stage
          title="Measure"
          about="Base model and result on the test examples."
          isOn={evaluate.isOn}
          onToggle={(isOn) => onChange({ evaluate: { ...evaluate, isOn } })}
          fault={restOf('evaluate', [])}
        />
        <Stage
          title="Pass only what is good enough"
          about="What does not pass every gate is kept as a job, and goes no further."
          isOn={compare.isOn}
          onToggle={(isOn) => onChange({ compare: { ...compare, isOn } })}
          fault={restOf('compare', [])}
        >
          <Tick
            id="beats-base"
            isOn={compare.beatsBase}
            onChange={(beatsBase) => onChange({ compare: { ...compare, beatsBase } })}
          >
            Better than its base
          </Tick>
          <div className="grid gap-3 sm:grid-cols-2">
            <FormField label="Main metric" description="The one that decides, such as WER or accuracy.">
              <Select
                value={compare.bound}
                onValueChange={(bound) =>
                  onChange({ compare: { ...compare, bound: bound as typeof compare.bound } })
                }
                options={BOUNDS}
              />
            </FormField>
            {compare.bound !== 'none' && (
              <FormField label="Value" description="0.15 is 15 %.">
                <Input
                  inputMode="decimal"
                  value={compare.value}
                  onChange={(event) => onChange({ compare: { ...compare, value: event.target.value } })}
                />
              </FormField>
            )}
          </div>
        </Stage>
        <Stage
          title="Make a version of an adapter"
          about="The newest version of an adapter that you have, or the first of a new one."
          isOn={draft.export.isOn}
          onToggle={(isOn) => onChange({ export: { ...draft.export, isOn } })}
          fault={restOf('export', ['adapter'])}
        >
          <FormField
            label="Adapter"
            optional
            description="Without one: the pipeline's name."
            error={faultOf('export.adapter')}
            className="max-w-sm"
          >
            <Input
              dir="auto"
              maxLength={200}
              value={draft.export.adapter}
              onChange={(event) => onChange({ export: { ...draft.export, adapter: event.target.value } })}
            />
          </FormField>
        </Stage>
      </ol>
      <div className="grid gap-3 border-t px-4 py-3.5">
        <div className="text-sm">
          <h3 className="font-medium">When a stage fails</h3>
          <p className="text-muted-foreground">
            Stages that run jobs are tried again, later each time. A stage whose requirements are not met is
            not.
          </p>
        </div>
        <div className="grid gap-3 sm:grid-cols-2">
          <FormField
            label="Attempts"
            description="In total. 1: none after the first."
            error={faultOf('train.retry.attempts')}
          >
            <Input
              inputMode="numeric"
              value={draft.attempts}
              onChange={(event) => onChange({ attempts: event.target.value })}
            />
          </FormField>
          <FormField
            label="Wait before the second"
            aside="seconds"
            description="Doubled before each further one."
            error={faultOf('train.retry.backoff_s')}
          >
            <Input
              inputMode="decimal"
              value={draft.backoff}
              onChange={(event) => onChange({ backoff: event.target.value })}
            />
          </FormField>
        </div>
      </div>
    </Card>
  );
}

interface StageProps {
  title: string;
  about: string;
  /** Given: it can be left out. */
  isOn?: boolean;
  onToggle?: (isOn: boolean) => void;
  fault?: string | undefined;
  children?: ReactNode;
}

function Stage({ title, about, isOn = true, onToggle, fault, children }: StageProps) {
  const id = `stage-${title.toLowerCase().replaceAll(' ', '-')}`;
  return (
    <li className="group/stage relative grid grid-cols-[1.25rem_minmax(0,1fr)] gap-x-3 px-4 py-3.5">
      {/* The line that joins the stages. */}
      <span
        aria-hidden
        className="absolute top-0 bottom-0 left-[1.5625rem] w-px bg-border group-first/stage:top-6 group-last/stage:bottom-auto group-last/stage:h-6"
      />
      <span
        aria-hidden
        className={cn(
          'relative z-[1] mt-1 size-5 rounded-full border-4 border-card',
          isOn ? 'bg-primary' : 'bg-border-strong',
        )}
      />
      <div className="grid gap-3">
        <div className="flex items-start justify-between gap-3">
          <label htmlFor={onToggle ? id : undefined} className="min-w-0 text-sm">
            <span className={cn('block font-medium', !isOn && 'text-muted-foreground')}>{title}</span>
            <span className="block text-muted-foreground">{about}</span>
          </label>
          {onToggle && <Switch id={id} checked={isOn} onCheckedChange={onToggle} />}
        </div>
        {isOn && children}
        <FieldError message={fault} />
      </div>
    </li>
  );
}

function Tick({
  id,
  isOn,
  onChange,
  children,
}: {
  id: string;
  isOn: boolean;
  onChange: (isOn: boolean) => void;
  children: ReactNode;
}) {
  return (
    <span className="inline-flex items-center gap-2 text-sm">
      <Checkbox id={id} checked={isOn} onCheckedChange={(checked) => onChange(checked === true)} />
      <label htmlFor={id}>{children}</label>
    </span>
  );
}
