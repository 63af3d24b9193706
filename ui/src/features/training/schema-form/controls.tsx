'use client';

import { useEffect, useState } from 'react';
import { Checkbox } from '@/components/ui/checkbox';
import { Input, Textarea } from '@/components/ui/input';
import { Label } from '@/components/ui/label';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { cn } from '@/lib/cn';
import { formatWords } from '@/lib/format';
import { formatExact, partsOf } from './describe';
import { equal, isObject, type Json } from './json';
import type { Branch, Node } from './node';

export interface ControlProps {
  node: Node;
  value: Json | undefined;
  onChange: (value: Json) => void;
  id: string;
  labelId: string;
  describedBy: string | undefined;
  isInvalid: boolean;
  disabled?: boolean;
}

/** The control of a field, by its shape. */
export function Control(props: ControlProps) {
  const { node, value, onChange, id, labelId, describedBy, isInvalid } = props;
  const { shape } = node;
  const aria = {
    'aria-describedby': describedBy,
    'aria-invalid': isInvalid || undefined,
  } as const;
  switch (shape.kind) {
    case 'number':
      return (
        <NumberInput
          id={id}
          value={value}
          onChange={onChange}
          unit={node.unit}
          isNullable={node.isNullable}
          {...aria}
        />
      );
    case 'text':
      return (
        <Input
          id={id}
          dir="auto"
          value={typeof value === 'string' ? value : ''}
          placeholder={node.isNullable ? 'Not set' : undefined}
          onChange={(event) =>
            onChange(event.target.value === '' && node.isNullable ? null : event.target.value)
          }
          {...aria}
        />
      );
    case 'switch':
      return (
        <Switch id={id} checked={value === true} onCheckedChange={(checked) => onChange(checked)} {...aria} />
      );
    case 'choice':
      return (
        <Select
          id={id}
          value={String(value ?? '')}
          onValueChange={onChange}
          options={shape.options.map((option) => ({ value: option, label: wordOf(option) }))}
          {...aria}
        />
      );
    case 'union':
      return <BranchSelect {...props} branches={shape.branches} tag={shape.tag} />;
    case 'set':
      return <SetControl {...props} options={shape.options} />;
    case 'tuple':
      return (
        <fieldset
          aria-labelledby={labelId}
          aria-describedby={describedBy}
          className="flex items-center gap-2"
        >
          {shape.items.map((item, index) => (
            <span key={index} className="contents">
              {index > 0 && <span className="text-muted-foreground text-xs">to</span>}
              <NumberInput
                {...(index === 0 ? { id } : {})}
                value={Array.isArray(value) ? value[index] : null}
                onChange={(part) =>
                  onChange(shape.items.map((_, at) => (at === index ? part : itemAt(value, at))))
                }
                unit={index === shape.items.length - 1 ? node.unit : null}
                isNullable={item.isNullable}
                aria-label={`${node.title}, value ${index + 1} of ${shape.items.length}`}
                aria-invalid={isInvalid || undefined}
              />
            </span>
          ))}
        </fieldset>
      );
    case 'list':
      return <LinesInput {...props} placeholder={node.isNullable ? 'Not set' : 'None'} />;
    case 'map':
      return shape.keys ? (
        <KeyedNumbers {...props} keys={shape.keys} />
      ) : (
        <JsonInput {...props} placeholder='{"name": 1}' />
      );
    case 'either':
      return <EitherControl {...props} word={shape.word} other={shape.other} />;
    default:
      return <JsonInput {...props} placeholder="{}" />;
  }
}

interface NumberInputProps {
  id?: string;
  value: Json | undefined;
  onChange: (value: Json) => void;
  unit?: string | null;
  isNullable?: boolean;
  placeholder?: string;
  className?: string;
  'aria-label'?: string;
  'aria-describedby'?: string | undefined;
  'aria-invalid'?: true | undefined;
}

/** A number as text, so that `1e-4` and a half-typed `0.` are possible; what is no number stays and is a fault. */
export function NumberInput({
  value,
  onChange,
  unit,
  isNullable,
  placeholder,
  className,
  ...rest
}: NumberInputProps) {
  const [text, setText] = useState(() => textOf(value));
  // Set from elsewhere: a preset, a file, an applied change.
  useEffect(() => {
    setText((shown) => (equal(numberOf(shown), value ?? null) ? shown : textOf(value)));
  }, [value]);
  return (
    <span className={cn('relative block min-w-0 flex-1', className)}>
      <Input
        inputMode="decimal"
        autoComplete="off"
        value={text}
        placeholder={placeholder ?? (isNullable ? 'Not set' : undefined)}
        onChange={(event) => {
          setText(event.target.value);
          onChange(numberOf(event.target.value));
        }}
        className={cn('tabular', unit && 'pr-16')}
        {...rest}
      />
      {unit && (
        <span
          aria-hidden
          className="pointer-events-none absolute inset-y-0 right-2.5 flex items-center text-muted-foreground text-xs"
        >
          {unit}
        </span>
      )}
    </span>
  );
}

function textOf(value: Json | undefined): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'number' ? formatExact(value) : String(value);
}

/** The number that a text says, null for none, and the text itself where it is no number. */
export function numberOf(text: string): Json {
  const trimmed = text.trim().replace(/^\+/, '');
  if (trimmed === '') return null;
  const number = Number(trimmed.replace(/^(-?\d+),(\d{1,2})$/, '$1.$2'));
  return Number.isFinite(number) && /\d/.test(trimmed) ? number : text;
}

function BranchSelect({
  node,
  value,
  onChange,
  id,
  describedBy,
  isInvalid,
  disabled,
  branches,
  tag,
}: ControlProps & { branches: readonly Branch[]; tag: string }) {
  const chosen = isObject(value) ? String(value[tag] ?? '') : '';
  return (
    <Select
      id={id}
      value={chosen}
      onValueChange={onChange}
      placeholder={node.isNullable ? 'Not set' : undefined}
      options={branches.map((branch) => ({
        value: branch.value,
        label: branch.title,
        description: partsOf(branch.description).lead,
      }))}
      aria-describedby={describedBy}
      aria-invalid={isInvalid || undefined}
      {...(disabled ? { disabled } : {})}
    />
  );
}

function SetControl({
  value,
  onChange,
  id,
  labelId,
  describedBy,
  options,
}: ControlProps & { options: readonly string[] }) {
  const chosen = Array.isArray(value) ? value : [];
  return (
    <fieldset
      aria-labelledby={labelId}
      aria-describedby={describedBy}
      className="flex flex-wrap gap-x-4 gap-y-1.5"
    >
      {options.map((option, index) => {
        const optionId = index === 0 ? id : `${id}-${option}`;
        return (
          <span key={option} className="flex items-center gap-2">
            <Checkbox
              id={optionId}
              checked={chosen.includes(option)}
              onCheckedChange={(checked) =>
                onChange(
                  options.filter((each) => (each === option ? checked === true : chosen.includes(each))),
                )
              }
            />
            <Label htmlFor={optionId} className="font-normal">
              {wordOf(option)}
            </Label>
          </span>
        );
      })}
    </fieldset>
  );
}

/** A list of texts, one on each line. */
function LinesInput({
  node,
  value,
  onChange,
  id,
  describedBy,
  isInvalid,
  placeholder,
}: ControlProps & { placeholder: string }) {
  const [text, setText] = useState(() => linesOf(value));
  useEffect(() => {
    setText((shown) => (equal(itemsOf(shown, node.isNullable), value ?? null) ? shown : linesOf(value)));
  }, [value, node.isNullable]);
  return (
    <>
      <Textarea
        id={id}
        dir="auto"
        rows={2}
        value={text}
        placeholder={placeholder}
        onChange={(event) => {
          setText(event.target.value);
          onChange(itemsOf(event.target.value, node.isNullable));
        }}
        className="min-h-14"
        aria-describedby={describedBy}
        aria-invalid={isInvalid || undefined}
      />
      <p className="mt-1 text-muted-foreground text-xs">One on each line.</p>
    </>
  );
}

const linesOf = (value: Json | undefined) => (Array.isArray(value) ? value.map(String).join('\n') : '');

function itemsOf(text: string, isNullable: boolean): Json {
  const items = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return items.length === 0 && isNullable ? null : items;
}

/** A number for each of a few names; an empty one is not given. */
function KeyedNumbers({
  value,
  onChange,
  id,
  labelId,
  describedBy,
  keys,
}: ControlProps & { keys: readonly string[] }) {
  const given = isObject(value) ? value : {};
  return (
    <fieldset aria-labelledby={labelId} aria-describedby={describedBy} className="grid gap-1.5">
      {keys.map((key, index) => {
        const keyId = index === 0 ? id : `${id}-${key}`;
        return (
          <div key={key} className="grid grid-cols-[1fr_5.5rem] items-center gap-2">
            <Label htmlFor={keyId} className="truncate font-normal">
              {wordOf(key)}
            </Label>
            <NumberInput
              id={keyId}
              value={given[key]}
              isNullable
              onChange={(number) => {
                const { [key]: _, ...rest } = given;
                onChange(number === null ? rest : { ...rest, [key]: number });
              }}
            />
          </div>
        );
      })}
    </fieldset>
  );
}

function EitherControl({ word, other, ...props }: ControlProps & { word: string; other: Node }) {
  const { node, value, onChange } = props;
  const isWord = value === word;
  const initial = (): Json => {
    if (other.shape.kind === 'set') return [...other.shape.options];
    return other.shape.kind === 'list' ? [] : null;
  };
  return (
    <div className="grid gap-2">
      <Segmented
        label={node.title}
        value={isWord ? 'word' : 'other'}
        onValueChange={(choice) => onChange(choice === 'word' ? word : initial())}
        options={[
          { value: 'word', label: formatWords(word) },
          { value: 'other', label: 'Choose …' },
        ]}
        className="justify-self-start"
      />
      {!isWord && <Control {...props} node={other} />}
    </div>
  );
}

/** JSON, for what has no control of its own. */
function JsonInput({
  value,
  onChange,
  id,
  describedBy,
  isInvalid,
  placeholder,
}: ControlProps & { placeholder: string }) {
  const [text, setText] = useState(() => jsonOf(value));
  useEffect(() => {
    setText((shown) => (equal(parsed(shown), value ?? null) ? shown : jsonOf(value)));
  }, [value]);
  return (
    <Textarea
      id={id}
      rows={3}
      spellCheck={false}
      value={text}
      placeholder={placeholder}
      className="font-mono"
      onChange={(event) => {
        setText(event.target.value);
        onChange(parsed(event.target.value));
      }}
      aria-describedby={describedBy}
      aria-invalid={isInvalid || undefined}
    />
  );
}

const jsonOf = (value: Json | undefined) =>
  typeof value === 'string' ? value : value == null ? '' : JSON.stringify(value, null, 1);

function parsed(text: string): Json {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function itemAt(value: Json | undefined, index: number): Json {
  return Array.isArray(value) ? (value[index] ?? null) : null;
}

/** `nf4` stays, `utterance_mean` becomes words. */
function wordOf(option: string): string {
  return /\d/.test(option) ? option : formatWords(option);
}
