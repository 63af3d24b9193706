'use client';

import { useRef } from 'react';
import { Alert } from '@/components/ui/alert';
import { FormField } from '@/components/ui/form-field';
import { Textarea } from '@/components/ui/input';
import { plural } from '@/lib/format';

export interface WrittenFault {
  path: string;
  message: string;
  /** Counted from 1; null where it is no line of the text. */
  line: number | null;
}

interface YamlFieldProps {
  label: string;
  description: string;
  value: string;
  onChange: (text: string) => void;
  faults: readonly WrittenFault[];
  rows: number;
}

/** Settings as YAML; faults are listed with their lines, and lead to them. */
export function YamlField({ label, description, value, onChange, faults, rows }: YamlFieldProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const goTo = (line: number) => {
    const all = value.split('\n');
    const start = all.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
    field.current?.focus();
    field.current?.setSelectionRange(start, start + (all[line - 1]?.length ?? 0));
  };
  return (
    <div className="grid gap-2">
      <FormField
        label={label}
        description={description}
        error={faults.length > 0 ? `${plural(faults.length, 'fault')}, listed below.` : undefined}
      >
        <Textarea
          ref={field}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          rows={rows}
          spellCheck={false}
          autoCapitalize="off"
          autoCorrect="off"
          className="whitespace-pre font-mono leading-5 md:text-xs"
        />
      </FormField>
      {faults.length > 0 && (
        <Alert tone="danger" title="The platform does not take these settings">
          <ul className="mt-1 grid gap-1">
            {faults.map((fault) => (
              <li key={`${fault.path} ${fault.message}`}>
                {fault.line !== null && (
                  <button
                    type="button"
                    className="mr-1.5 font-medium underline underline-offset-2"
                    onClick={() => goTo(fault.line ?? 1)}
                  >
                    Line {fault.line}
                  </button>
                )}
                {fault.path && <code className="mr-1.5 font-mono text-xs">{fault.path}</code>}
                {fault.message}
              </li>
            ))}
          </ul>
        </Alert>
      )}
    </div>
  );
}
