'use client';

import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { formatWords } from '@/lib/format';
import type { OptionField, OptionTexts } from './schema';

interface OptionInputsProps {
  fields: readonly OptionField[];
  texts: OptionTexts;
  onChange: (texts: OptionTexts) => void;
  /** Faults by the field's name, from here or from the platform. */
  faults: Record<string, string>;
}

/** The fields of one group of options; an empty field keeps its default, which is shown in it. */
export function OptionInputs({ fields, texts, onChange, faults }: OptionInputsProps) {
  const set = (name: string, text: string) => onChange({ ...texts, [name]: text });
  return (
    <div className="grid gap-x-6 gap-y-4 sm:grid-cols-2">
      {fields.map((field) => (
        <FormField
          key={field.name}
          label={field.title}
          aside={field.unit}
          description={field.description}
          error={faults[field.name]}
        >
          {field.kind === 'choice' ? (
            <Select
              value={texts[field.name] || field.fallback}
              onValueChange={(value) => set(field.name, value)}
              options={field.choices.map((value) => ({ value, label: formatWords(value) }))}
            />
          ) : field.kind === 'switch' ? (
            <Switch
              checked={(texts[field.name] || field.fallback) === 'true'}
              onCheckedChange={(isOn) => set(field.name, String(isOn))}
            />
          ) : (
            <Input
              inputMode={field.kind === 'integer' ? 'numeric' : 'decimal'}
              placeholder={field.fallback}
              value={texts[field.name] ?? ''}
              onChange={(event) => set(field.name, event.target.value)}
              className="tabular"
            />
          )}
        </FormField>
      ))}
    </div>
  );
}
