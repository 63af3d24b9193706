'use client';

import { Lock, Undo2 } from 'lucide-react';
import { FieldError } from '@/components/ui/form-field';
import { Label } from '@/components/ui/label';
import { cn } from '@/lib/cn';
import { controlId, rowId, useFormState } from './context';
import { Control } from './controls';
import { formatValue, partsOf } from './describe';
import { getAt, joinPath } from './json';
import { branchOf } from './node';
import { Description, Finding } from './prose';
import type { Row } from './rows';

/** A field: what it is on the left, its control on the right. */
export function FieldRow({ row, fallback }: { row: Row; fallback: string | null }) {
  const { value, change, faults, locked } = useFormState();
  const { node, path, depth } = row;
  const own = getAt(value, path);
  const id = controlId(path);
  const tag = node.shape.kind === 'union' ? joinPath(path, node.shape.tag) : path;
  const fault = faultOf(faults, path, row.kind);
  const lock = locked[path];
  const branch = branchOf(node, own);
  const about = [
    node.description && `${id}-about`,
    branch?.description && `${id}-branch`,
    fault && `${id}-fault`,
  ].filter(Boolean);
  return (
    <div
      id={rowId(path)}
      data-path={path}
      className={cn(
        'grid scroll-mt-24 gap-x-8 gap-y-2 py-3.5 sm:grid-cols-[minmax(0,1fr)_minmax(0,15rem)]',
        depth > 1 && 'border-l-2 pl-4',
      )}
    >
      <div className="grid content-start gap-1">
        <div className="flex flex-wrap items-center gap-x-2">
          <Label id={`${id}-label`} htmlFor={id}>
            {node.title}
          </Label>
          {fallback !== null && (
            <span className="flex items-center gap-1.5 text-primary-text text-xs">
              <span aria-hidden className="size-1.5 rounded-full bg-primary" />
              Changed
            </span>
          )}
        </div>
        <Description id={`${id}-about`} text={node.description} />
      </div>
      <div data-control className="grid min-w-0 content-start gap-1.5">
        <div className={cn(node.shape.kind === 'switch' && 'flex min-h-8 items-center sm:justify-end')}>
          <Control
            node={node}
            value={own}
            onChange={(to) => change(tag, to)}
            id={id}
            labelId={`${id}-label`}
            describedBy={about.length > 0 ? about.join(' ') : undefined}
            isInvalid={fault !== undefined}
            disabled={lock !== undefined}
          />
        </div>
        {lock && (
          <p className="flex items-start gap-1.5 text-muted-foreground text-xs">
            <Lock className="mt-0.5 size-3 shrink-0" aria-hidden /> {lock}
          </p>
        )}
        <FieldError id={`${id}-fault`} message={fault} />
        {fallback !== null && !lock && (
          <p className="flex flex-wrap items-center gap-x-2 text-muted-foreground text-xs">
            <span className="name line-clamp-2 min-w-0">Default: {fallback}</span>
            <button
              type="button"
              onClick={() => change(tag, resetTo(row))}
              className="inline-flex items-center gap-1 rounded font-medium text-primary-text hover:underline"
            >
              <Undo2 className="size-3" aria-hidden /> Reset
              <span className="sr-only">{node.title}</span>
            </button>
          </p>
        )}
      </div>
      {branch?.description && (
        <div className="grid gap-2 sm:col-span-2">
          <Description id={`${id}-branch`} text={branch.description} />
          {partsOf(branch.description).finding && <Finding text={partsOf(branch.description).finding} />}
        </div>
      )}
      {partsOf(node.description).finding && !branch?.value.startsWith('uniform') && (
        <div className="sm:col-span-2">
          <Finding text={partsOf(node.description).finding} />
        </div>
      )}
    </div>
  );
}

/** The default that a reset goes back to: of a union the tag of its default. */
function resetTo({ node }: Row) {
  return node.shape.kind === 'union' ? (getAt(node.fallback, node.shape.tag) ?? null) : node.fallback;
}

/** The default in words, where the value differs from it. */
export function fallbackWords(row: Row, changed: ReadonlySet<string>): string | null {
  return changed.has(row.path) ? formatValue(row.node, row.node.fallback) : null;
}

function faultOf(faults: ReadonlyMap<string, string>, path: string, kind: Row['kind']): string | undefined {
  const own = faults.get(path) ?? (kind === 'union' ? faults.get(`${path}.type`) : undefined);
  if (own || kind === 'union') return own;
  for (const [at, message] of faults) if (at.startsWith(`${path}.`)) return message;
  return undefined;
}
