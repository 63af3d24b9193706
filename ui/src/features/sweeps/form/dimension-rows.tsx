'use client';

import { Plus, Trash2 } from 'lucide-react';
import { useId } from 'react';
import { Button } from '@/components/ui/button';
import { Checkbox } from '@/components/ui/checkbox';
import { Combobox } from '@/components/ui/combobox';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { formatValue } from '@/features/training/schema-form/describe';
import { KINDS, type Kind, newRow, type Row } from './dimensions';
import { type SearchField, suggested } from './fields';

interface DimensionRowsProps {
  rows: readonly Row[];
  onChange: (rows: readonly Row[]) => void;
  /** Messages by row and field: `0.low`. */
  faults: ReadonlyMap<string, string>;
  /** Settings that can be searched. */
  fields: readonly SearchField[];
}

/** The platform's own limit. */
const MOST = 16;

/** What is searched: a setting per row, and the values to try. */
export function DimensionRows({ rows, onChange, faults, fields }: DimensionRowsProps) {
  const change = (index: number, changes: Partial<Row>) =>
    onChange(rows.map((row, at) => (at === index ? { ...row, ...changes } : row)));
  const options = fields.map(({ path, label, node, value }) => ({
    value: path,
    label,
    description: `${path} · now ${formatValue(node, value)}`,
  }));
  return (
    <div className="grid gap-3">
      <ol className="grid gap-3" aria-label="Settings to search">
        {rows.map((row, index) => {
          const field = fields.find(({ path }) => path === row.path);
          const name = field?.label ?? (row.path || `setting ${index + 1}`);
          return (
            <li key={row.key} className="rounded-lg border p-3">
              <fieldset className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-3 gap-y-2.5 sm:grid-cols-[minmax(0,1fr)_9.5rem_auto]">
                <legend className="sr-only">{name}</legend>
                <FormField label="Setting" error={faults.get(`${index}.path`)} className="max-sm:col-span-2">
                  <Combobox
                    value={row.path || null}
                    valueLabel={row.path}
                    options={options}
                    onValueChange={(path) => {
                      const chosen = fields.find((each) => each.path === path);
                      change(index, { path, ...(chosen ? suggested(chosen) : {}) });
                    }}
                    placeholder="Choose a setting …"
                    searchPlaceholder="Search settings …"
                    emptyText="No setting has this name."
                  />
                </FormField>
                <FormField label="Values">
                  <Select
                    value={row.type}
                    onValueChange={(type) => change(index, { type: type as Kind })}
                    options={KINDS}
                  />
                </FormField>
                <Button
                  variant="ghost"
                  size="icon"
                  className="mt-5.5 self-start justify-self-end"
                  aria-label={`Remove ${name}`}
                  disabled={rows.length === 1}
                  onClick={() => onChange(rows.filter((_, at) => at !== index))}
                >
                  <Trash2 aria-hidden />
                </Button>
                <div className="col-span-2">
                  {row.type === 'choice' ? (
                    <FormField
                      label="List"
                      description="Separated by commas."
                      error={faults.get(`${index}.values`)}
                    >
                      <Input
                        value={row.values}
                        onChange={(event) => change(index, { values: event.target.value })}
                        placeholder="4, 8, 16"
                        spellCheck={false}
                        autoCapitalize="off"
                      />
                    </FormField>
                  ) : (
                    <Range row={row} index={index} faults={faults} onChange={change} />
                  )}
                </div>
              </fieldset>
            </li>
          );
        })}
      </ol>
      <Button
        size="sm"
        className="justify-self-start"
        disabled={rows.length >= MOST}
        onClick={() => onChange([...rows, newRow(Math.max(0, ...rows.map((row) => row.key)) + 1)])}
      >
        <Plus aria-hidden /> Add setting
      </Button>
    </div>
  );
}

interface RangeProps {
  row: Row;
  index: number;
  faults: ReadonlyMap<string, string>;
  onChange: (index: number, changes: Partial<Row>) => void;
}

function Range({ row, index, faults, onChange }: RangeProps) {
  const isGrid = row.type === 'grid';
  return (
    <div className="grid gap-2">
      <div className={isGrid ? 'grid grid-cols-3 gap-2' : 'grid grid-cols-2 gap-2'}>
        <FormField label="From" error={faults.get(`${index}.low`)}>
          <Input
            inputMode="decimal"
            value={row.low}
            onChange={(event) => onChange(index, { low: event.target.value })}
            placeholder="1e-4"
          />
        </FormField>
        <FormField label="To" error={faults.get(`${index}.high`)}>
          <Input
            inputMode="decimal"
            value={row.high}
            onChange={(event) => onChange(index, { high: event.target.value })}
            placeholder="1e-2"
          />
        </FormField>
        {isGrid && (
          <FormField label="Points" error={faults.get(`${index}.points`)}>
            <Input
              inputMode="numeric"
              value={row.points}
              onChange={(event) => onChange(index, { points: event.target.value })}
            />
          </FormField>
        )}
      </div>
      <div className="flex flex-wrap gap-x-4 gap-y-1 text-sm">
        <Tick label="Whole numbers" isOn={row.isWhole} onChange={(isWhole) => onChange(index, { isWhole })} />
        {isGrid && (
          <Tick label="Spaced by size" isOn={row.isLog} onChange={(isLog) => onChange(index, { isLog })} />
        )}
      </div>
    </div>
  );
}

function Tick({
  label,
  isOn,
  onChange,
}: {
  label: string;
  isOn: boolean;
  onChange: (isOn: boolean) => void;
}) {
  const id = useId();
  return (
    <span className="inline-flex items-center gap-2">
      <Checkbox id={id} checked={isOn} onCheckedChange={(checked) => onChange(checked === true)} />
      <label htmlFor={id}>{label}</label>
    </span>
  );
}
