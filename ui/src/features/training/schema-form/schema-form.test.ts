import { describe, expect, it } from 'vitest';
import { faultsOf } from './check';
import { formatValue, partsOf } from './describe';
import { documentedTraining } from './document.test-data';
import { getAt, type Json, setAt } from './json';
import { fieldsOf, formOf, type Node } from './node';
import { KNOWN_KEYWORDS, resolved, type Schema } from './schema';
import { changesOf, nodeAt, overlay, withBranch, withChange } from './values';

const schema = documentedTraining();
const { root } = formOf(schema);
const defaults = root.fallback;

function eachNode(node: Node, path: string, visit: (node: Node, path: string) => void): void {
  visit(node, path);
  const { shape } = node;
  const inside = shape.kind === 'union' ? shape.branches.flatMap((b) => b.fields) : fieldsOf(node, null);
  for (const field of inside) eachNode(field, `${path}.${field.name}`, visit);
}

function eachSchema(part: Schema, seen: Set<string>, visit: (part: Schema) => void): void {
  if (part.$ref) {
    if (seen.has(part.$ref)) return;
    seen.add(part.$ref);
    visit(part);
    eachSchema(resolved(schema, { $ref: part.$ref }), seen, visit);
    return;
  }
  visit(part);
  const more = [
    ...Object.values(part.properties ?? {}),
    ...(part.oneOf ?? []),
    ...(part.anyOf ?? []),
    ...(part.prefixItems ?? []),
    part.items,
    part.propertyNames,
    typeof part.additionalProperties === 'object' ? part.additionalProperties : undefined,
  ];
  for (const each of more) if (each) eachSchema(each, seen, visit);
}

describe("the platform's document", () => {
  it('holds no keyword that the form does not know', () => {
    const unknown = new Set<string>();
    let parts = 0;
    eachSchema({ ...schema, components: undefined } as Schema, new Set(), (part) => {
      parts += 1;
      for (const [key, value] of Object.entries(part)) {
        if (value !== undefined && !KNOWN_KEYWORDS.has(key)) unknown.add(key);
      }
    });
    expect(parts).toBeGreaterThan(150);
    expect([...unknown]).toEqual([]);
  });

  it('has a control of its own for every field', () => {
    const found: string[] = [];
    let fields = 0;
    eachNode(root, '', (node, path) => {
      fields += 1;
      if (node.shape.kind === 'other') found.push(path);
    });
    expect(fields).toBeGreaterThan(150);
    expect(found).toEqual([]);
  });

  it('has defaults that are complete and without fault', () => {
    expect(faultsOf(root, defaults)).toEqual([]);
    eachNode(root, '', (node, path) => {
      if (node.shape.kind !== 'union') return;
      for (const branch of node.shape.branches) {
        const value = withBranch(node, null, branch);
        // A field without default, such as the ranks of `fixed`, has to be given.
        const required = branch.fields.filter((field) => field.isRequired).map((field) => field.name);
        const faulty = faultsOf(node, value).map((fault) => fault.path);
        expect(faulty, `${path}: ${branch.value}`).toEqual(required);
      }
    });
    expect(getAt(defaults, 'optimizer.betas.1')).toBe(0.98);
    expect(getAt(defaults, 'method.type')).toBe('qlora');
  });
});

describe('checks', () => {
  const faults = (path: string, value: Json) =>
    faultsOf(root, setAt(defaults, path, value)).map((fault) => [fault.path, fault.message]);

  it('names the limit that a number breaks', () => {
    expect(faults('method.rank', 0)).toEqual([['method.rank', 'Enter at least 1.']]);
    expect(faults('method.rank', 2.5)).toEqual([['method.rank', 'Found 2.5; enter a whole number.']]);
    expect(faults('method.rank', null)).toEqual([['method.rank', 'Enter a number.']]);
    expect(faults('method.rank', '8x')).toEqual([['method.rank', 'Found "8x"; enter a number.']]);
    expect(faults('method.dropout', 1)).toEqual([['method.dropout', 'Enter less than 1.']]);
    expect(faults('optimizer.betas.1', 2)).toEqual([['optimizer.betas.1', 'Enter less than 1.']]);
  });

  it('lets a field be unset only where the platform does', () => {
    expect(faults('max_steps', null)).toEqual([]);
    expect(faults('seed', null)).toEqual([['seed', 'Enter a number.']]);
  });

  it('names unknown fields and branches with what there is', () => {
    const found = faultsOf(root, overlay(root, defaults, { methd: {}, optimizer: { type: 'lion' } }));
    expect(found.map((fault) => fault.path)).toEqual(['methd', 'optimizer.type']);
    expect(found[0]?.message).toMatch(/^No such field; there are .*\bmethod\b/);
    expect(found[1]?.message).toContain('allowed: adamw, adam,');
  });

  it('knows a word or a list', () => {
    expect(faults('method.target_modules', ['q_proj'])).toEqual([]);
    expect(faults('method.target_modules', 'q_proj')).toEqual([
      ['method.target_modules', 'Found "q_proj"; give a list.'],
    ]);
    expect(faults('method.groups', ['decoder'])).toEqual([
      ['method.groups', 'Found "decoder"; allowed: audio_encoder, fusion, text_decoder.'],
    ]);
    expect(faults('method.groups', [])).toEqual([['method.groups', 'Choose at least 1.']]);
  });
});

describe('values', () => {
  it('lays a partial config over the defaults, branches by their type', () => {
    const merged = overlay(root, defaults, {
      method: { rank: 16 },
      optimizer: { type: 'sgd' },
      max_steps: 20,
    });
    expect(getAt(merged, 'method')).toMatchObject({ type: 'qlora', rank: 16, alpha: 16 });
    expect(getAt(merged, 'optimizer')).toEqual({
      type: 'sgd',
      learning_rate: 0.05,
      momentum: 0.9,
      weight_decay: 0,
    });
    expect(faultsOf(root, merged)).toEqual([]);
  });

  it('keeps what was entered when the branch changes, not what was only a default', () => {
    const edited = setAt(defaults, 'method.rank', 32);
    const temporal = withChange(root, edited, 'method.type', 'temporal');
    expect(getAt(temporal, 'method.rank')).toBe(32);
    expect(getAt(temporal, 'method.gate')).toBe('learned');
    const sgd = withChange(root, defaults, 'optimizer.type', 'sgd');
    expect(getAt(sgd, 'optimizer.learning_rate')).toBe(0.05);
    const full = withChange(root, temporal, 'method.type', 'full');
    expect(getAt(full, 'method')).toEqual({ type: 'full' });
  });

  it('tells what differs from the defaults', () => {
    const value = withChange(root, setAt(defaults, 'batch.cost', 48), 'optimizer.type', 'sgd');
    const changed = changesOf(root, setAt(value, 'optimizer.momentum', 0.5));
    expect(changed.map((change) => change.path)).toEqual(['batch.cost', 'optimizer', 'optimizer.momentum']);
    expect(changed[2]?.fallback).toBe(0.9);
    expect(changesOf(root, defaults)).toEqual([]);
  });

  it('finds fields by path, in the branch that is chosen', () => {
    expect(nodeAt(root, defaults, 'method.rank')?.shape.kind).toBe('number');
    expect(nodeAt(root, defaults, 'method.gate')).toBeUndefined();
  });
});

describe('words', () => {
  it('shows values as people read them', () => {
    const node = (path: string) => nodeAt(root, defaults, path) as Node;
    expect(formatValue(node('gradient_checkpointing'), true)).toBe('On');
    expect(formatValue(node('max_steps'), null)).toBe('Not set');
    expect(formatValue(node('optimizer.eps'), 1e-8)).toBe('1e-8');
    expect(formatValue(node('augmentation.speed_factor'), [0.9, 1.1])).toMatch(/^0\.9 to 1\.1/);
  });

  it('sets what a study found apart from the rest of a description', () => {
    const parts = partsOf(
      'Ranks go where a sketch says that they help.\n\nOur study did not show that this is better: docs/studies/allocation.md.',
    );
    expect(parts).toEqual({
      lead: 'Ranks go where a sketch says that they help.',
      rest: '',
      finding: 'Our study did not show that this is better: docs/studies/allocation.md.',
    });
  });

  it('finds the studies of the methods that did not beat their controls', () => {
    const method = nodeAt(root, defaults, 'method');
    if (method?.shape.kind !== 'union') throw new Error('method is not a union');
    const temporal = method.shape.branches.find((branch) => branch.value === 'temporal');
    expect(partsOf(temporal?.description ?? '').finding).toContain('did not show');
  });
});
