'use client';

import { ChevronDown, ChevronUp, Search, SearchX } from 'lucide-react';
import { useId, useMemo, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { EmptyState } from '@/components/ui/empty-state';
import { Input } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Switch } from '@/components/ui/switch';
import { cn } from '@/lib/cn';
import { plural } from '@/lib/format';
import { FormProvider } from './context';
import { FieldRow, fallbackWords } from './field-row';
import type { Json, JsonObject } from './json';
import { type Form, fieldsOfGroup } from './node';
import { foundElsewhere, type Row, rowsOf, type View, visibleRows } from './rows';
import type { Level, SchemaGroup } from './schema';
import { changesOf, withChange } from './values';

interface SchemaFormProps {
  form: Form;
  value: JsonObject;
  onChange: (value: JsonObject, path: string) => void;
  /** Fault of each path. */
  faults: ReadonlyMap<string, string>;
  /** Branches that cannot be changed here, with the reason. */
  locked?: Readonly<Record<string, string>>;
}

const NONE: Readonly<Record<string, string>> = {};

/** A form drawn from a JSON Schema: basic settings first, the others on demand, a search over all. */
export function SchemaForm({ form, value, onChange, faults, locked = NONE }: SchemaFormProps) {
  const [level, setLevel] = useState<'basic' | 'advanced'>('basic');
  const [query, setQuery] = useState('');
  const [onlyChanged, setOnlyChanged] = useState(false);
  const [opened, setOpened] = useState<Readonly<Record<string, Level>>>({});
  const switchId = useId();
  const changes = useMemo(() => changesOf(form.root, value), [form, value]);
  const changed = useMemo(() => new Set(changes.map((change) => change.path)), [changes]);
  const faulty = useMemo(() => new Set(faults.keys()), [faults]);
  const state = useMemo(
    () => ({
      value,
      faults,
      changed,
      locked,
      change: (path: string, to: Json) =>
        onChange(withChange(form.root, value, path, to) as JsonObject, path),
    }),
    [form, value, faults, changed, locked, onChange],
  );
  const words = query.trim();
  const groups = form.groups.map((group) => {
    const rows = fieldsOfGroup(form, group).flatMap((field) => rowsOf(field, value[field.name], field.name));
    const view: View = {
      level: opened[group.name] ?? level,
      query: words,
      onlyChanged,
      changed,
      faulty,
    };
    return { group, rows, ...visibleRows(rows, view), level: view.level };
  });
  const elsewhere = groups.flatMap(({ rows }) => foundElsewhere(rows, value, words)).slice(0, 6);
  const isEmpty = groups.every(({ shown }) => shown.length === 0);
  return (
    <FormProvider value={state}>
      <div className="grid gap-4">
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <div className="relative w-full sm:w-64">
            <Search
              className="pointer-events-none absolute top-2 left-2.5 size-4 text-muted-foreground"
              aria-hidden
            />
            <Input
              type="search"
              aria-label="Search settings"
              placeholder="Search all settings …"
              value={query}
              onChange={(event) => setQuery(event.target.value)}
              className="pl-8"
            />
          </div>
          <Segmented
            label="How many settings are shown"
            value={level}
            onValueChange={(next) => {
              setLevel(next);
              setOpened({});
            }}
            options={[
              { value: 'basic', label: 'Basic' },
              { value: 'advanced', label: 'Advanced' },
            ]}
          />
          <span className="ml-auto flex items-center gap-2 text-sm">
            <Switch id={switchId} checked={onlyChanged} onCheckedChange={setOnlyChanged} />
            <label htmlFor={switchId}>Only changed ({changes.length})</label>
          </span>
        </div>
        <p role="status" className="sr-only">
          {words &&
            plural(
              groups.reduce((sum, { shown }) => sum + shown.length, 0),
              'setting',
            )}
        </p>
        {groups.map(({ group, shown, hidden, level: groupLevel }) =>
          shown.length === 0 && (words || onlyChanged || hidden.advanced + hidden.expert === 0) ? null : (
            <Section
              key={group.name}
              group={group}
              shown={shown}
              hidden={words || onlyChanged ? { basic: 0, advanced: 0, expert: 0 } : hidden}
              canFold={!words && !onlyChanged && groupLevel !== level}
              onOpen={(to) => setOpened({ ...opened, [group.name]: to })}
              onFold={() =>
                setOpened(Object.fromEntries(Object.entries(opened).filter(([name]) => name !== group.name)))
              }
              changed={changed}
            />
          ),
        )}
        {elsewhere.length > 0 && (
          <Card className="p-4 text-sm">
            <p className="font-medium">With other choices</p>
            <ul className="mt-2 grid gap-1.5">
              {elsewhere.map((found) => (
                <li key={`${found.path} ${found.branch} ${found.field}`} className="flex flex-wrap gap-x-2">
                  <span>
                    {found.field}, with {found.title.toLowerCase()} {found.branchTitle}
                  </span>
                  <Button
                    variant="link"
                    size="inline"
                    onClick={() => state.change(`${found.path}.type`, found.branch)}
                  >
                    Switch to {found.branchTitle}
                  </Button>
                </li>
              ))}
            </ul>
          </Card>
        )}
        {isEmpty && elsewhere.length === 0 && (words || onlyChanged) && (
          <Card>
            <EmptyState
              icon={SearchX}
              title={words ? `No setting matches “${words}”` : 'Everything is at its default'}
              description={
                words
                  ? 'Try another word, such as rank, noise or batch.'
                  : 'Settings that you change appear here.'
              }
              actions={
                <Button
                  onClick={() => {
                    setQuery('');
                    setOnlyChanged(false);
                  }}
                >
                  Show all settings
                </Button>
              }
            />
          </Card>
        )}
      </div>
    </FormProvider>
  );
}

interface SectionProps {
  group: SchemaGroup;
  shown: readonly Row[];
  hidden: Record<Level, number>;
  canFold: boolean;
  onOpen: (level: Level) => void;
  onFold: () => void;
  changed: ReadonlySet<string>;
}

function Section({ group, shown, hidden, canFold, onOpen, onFold, changed }: SectionProps) {
  const next: Level | null = hidden.advanced > 0 ? 'advanced' : hidden.expert > 0 ? 'expert' : null;
  return (
    <Card aria-labelledby={`group-${group.name}`}>
      <div className={cn('px-4 pt-3.5 sm:px-5', shown.length === 0 && 'pb-3')}>
        <h3 id={`group-${group.name}`} className="font-semibold text-base">
          {group.title}
        </h3>
        {group.description && <p className="text-muted-foreground text-sm">{group.description}</p>}
      </div>
      <div className="divide-y px-4 sm:px-5">
        {shown.map((row) =>
          row.kind === 'heading' ? (
            shown.some((other) => other.depth === row.depth && other !== row) ? (
              <h4 key={row.path} className="pt-4 pb-2 font-medium text-muted-foreground text-xs">
                {row.node.title}
              </h4>
            ) : null
          ) : (
            <FieldRow key={row.path} row={row} fallback={fallbackWords(row, changed)} />
          ),
        )}
      </div>
      {(next !== null || canFold) && (
        <div className="flex flex-wrap gap-2 border-t px-2 py-1.5 sm:px-3">
          {next !== null && (
            <Button variant="ghost" size="sm" className="text-muted-foreground" onClick={() => onOpen(next)}>
              <ChevronDown aria-hidden />
              {next === 'advanced'
                ? `Show ${plural(hidden.advanced, 'advanced setting')}`
                : `Show ${plural(hidden.expert, 'expert setting')}`}
              <span className="sr-only">of {group.title}</span>
            </Button>
          )}
          {canFold && (
            <Button variant="ghost" size="sm" className="text-muted-foreground" onClick={onFold}>
              <ChevronUp aria-hidden /> Show fewer
              <span className="sr-only">of {group.title}</span>
            </Button>
          )}
        </div>
      )}
    </Card>
  );
}
