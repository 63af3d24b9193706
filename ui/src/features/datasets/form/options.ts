'use client';

/** The state of a dataset's options in a form: language, split, limits, thresholds. */

import { useMemo, useState } from 'react';
import { type JsonSchema, useDatasetSchema } from '../api';
import { type OptionField, type OptionTexts, optionFaults, optionFields, optionValues } from './schema';

export const OPTION_GROUPS = ['split', 'limits', 'validation'] as const;
export type OptionGroup = (typeof OPTION_GROUPS)[number];

export interface Options {
  schema: { isLoading: boolean; error: unknown; reload: () => void };
  fields: Record<OptionGroup, OptionField[]>;
  texts: Record<OptionGroup, OptionTexts>;
  setTexts: (group: OptionGroup, texts: OptionTexts) => void;
  faults: Record<OptionGroup, Record<string, string>>;
  /** Put the platform's faults at their fields; returns those that belong to none. */
  setServerFaults: (
    faults: readonly { path: string; message: string }[],
  ) => { path: string; message: string }[];
  splits: boolean;
  setSplits: (splits: boolean) => void;
  language: string;
  setLanguage: (language: string) => void;
  languageFault: string | undefined;
  isFaulty: boolean;
  /** The part of a request's body that these options are; with `before`, only what differs from it. */
  body: () => Record<string, unknown>;
}

/** Options of an earlier version, as the platform tells them. */
export interface EarlierOptions {
  language?: string | null;
  split?: Record<string, unknown> | null;
  limits?: Record<string, unknown>;
  validation?: Record<string, unknown>;
}

const EMPTY: JsonSchema = {};

export function useOptions(isOpen: boolean, before: EarlierOptions | null = null): Options {
  const query = useDatasetSchema(isOpen);
  const schema = query.data ?? EMPTY;
  const fields = useMemo(
    () => ({
      split: optionFields(schema, 'split'),
      limits: optionFields(schema, 'limits'),
      validation: optionFields(schema, 'validation'),
    }),
    [schema],
  );
  const [texts, setTexts] = useState<Record<OptionGroup, OptionTexts>>(() => ({
    split: textsOf(before?.split),
    limits: textsOf(before?.limits),
    validation: textsOf(before?.validation),
  }));
  const [server, setServer] = useState<Record<string, string>>({});
  const [splits, setSplits] = useState(before?.split != null);
  const [language, setLanguage] = useState(before?.language ?? '');
  const faultsOf = (group: OptionGroup) => {
    const prefix = `${group}.`;
    const told = Object.entries(server).flatMap(([path, message]) =>
      path.startsWith(prefix) ? [[path.slice(prefix.length), message] as const] : [],
    );
    return { ...Object.fromEntries(told), ...optionFaults(fields[group], texts[group]) };
  };
  const faults = { split: faultsOf('split'), limits: faultsOf('limits'), validation: faultsOf('validation') };
  return {
    schema: {
      isLoading: query.isPending && isOpen,
      error: query.error,
      reload: () => void query.refetch(),
    },
    fields,
    texts,
    setTexts: (group, next) => {
      setServer({});
      setTexts((all) => ({ ...all, [group]: next }));
    },
    faults,
    setServerFaults: (told) => {
      const mine = told.filter(({ path }) => /^(split|limits|validation)\.|^language$/.test(path));
      setServer(Object.fromEntries(mine.map(({ path, message }) => [path, message])));
      return told.filter((each) => !mine.includes(each));
    },
    splits,
    setSplits,
    language,
    setLanguage: (next) => {
      setServer({});
      setLanguage(next);
    },
    languageFault: server.language,
    isFaulty: OPTION_GROUPS.some(
      (group) =>
        (group !== 'split' || splits) && Object.keys(optionFaults(fields[group], texts[group])).length > 0,
    ),
    body: () => {
      const body: Record<string, unknown> = {};
      for (const group of ['limits', 'validation'] as const) {
        const values = optionValues(fields[group], texts[group], before?.[group] ?? null);
        if (values) body[group] = values;
      }
      if (splits) {
        const values = optionValues(fields.split, texts.split, before?.split ?? null);
        if (values || before?.split == null) body.split = values ?? {};
      } else if (before?.split != null) body.split = null;
      if (language.trim() !== (before?.language ?? '')) body.language = language.trim() || null;
      return body;
    },
  };
}

function textsOf(values: Record<string, unknown> | null | undefined): OptionTexts {
  return Object.fromEntries(
    Object.entries(values ?? {}).map(([name, value]) => [name, value === null ? '' : String(value)]),
  );
}
