/** Working with the values of a form: laying one over another, changing a branch, telling what differs. */

import { faultsOf } from './check';
import { equal, getAt, isObject, type Json, type JsonObject, joinPath, setAt } from './json';
import { type Branch, branchDefault, branchOf, fieldsOf, type Node } from './node';

/**
 * A partial config over a complete one: fields that it names replace those below, branches by their tag. A union without a
 * tag keeps the branch below. What the form does not know is kept too, so that a check can name it.
 */
export function overlay(node: Node, below: Json, partial: Json | undefined): Json {
  if (partial === undefined) return below;
  const { shape } = node;
  if (shape.kind === 'object' && isObject(partial)) {
    return overFields(shape.fields, isObject(below) ? below : {}, partial);
  }
  if (shape.kind === 'union' && isObject(partial)) {
    const asked = partial[shape.tag] ?? (isObject(below) ? below[shape.tag] : undefined);
    const branch = shape.branches.find((each) => each.value === asked);
    if (!branch) return partial;
    const isSame = isObject(below) && below[shape.tag] === branch.value;
    return overFields(branch.fields, isSame ? below : branchDefault(shape.tag, branch), partial);
  }
  return partial;
}

function overFields(fields: readonly Node[], below: JsonObject, partial: JsonObject): JsonObject {
  const result: JsonObject = { ...below, ...partial };
  for (const field of fields) {
    result[field.name] = overlay(field, below[field.name] ?? field.fallback, partial[field.name]);
  }
  return result;
}

/** The value of another branch; fields that both have and that were changed keep their values where these are allowed. */
export function withBranch(node: Node, value: Json | undefined, branch: Branch): Json {
  if (node.shape.kind !== 'union') return value ?? null;
  const before = fieldsOf(node, value);
  const next = branchDefault(node.shape.tag, branch);
  for (const field of branch.fields) {
    const kept = isObject(value) ? value[field.name] : undefined;
    const was = before.find((each) => each.name === field.name);
    if (kept === undefined || !was || equal(kept, was.fallback)) continue;
    if (faultsOf(field, kept).length === 0) next[field.name] = kept;
  }
  return next;
}

export interface Change {
  path: string;
  node: Node;
  /** Titles from the outside to the field itself. */
  trail: readonly string[];
  value: Json | undefined;
  fallback: Json;
}

/** The fields that differ from another value of the same form; by default from the form's defaults. */
export function changesOf(
  node: Node,
  value: Json | undefined,
  against: Json = node.fallback,
  path = '',
  trail: readonly string[] = [],
): Change[] {
  if (equal(value, against)) return [];
  const { shape } = node;
  const whole = [{ path, node, trail, value, fallback: against }];
  if (shape.kind === 'object' && isObject(value) && isObject(against)) {
    return inFields(shape.fields, value, against, path, trail);
  }
  if (shape.kind === 'union' && isObject(value)) {
    const branch = branchOf(node, value);
    if (!branch) return whole;
    if (isObject(against) && against[shape.tag] === branch.value) {
      return inFields(branch.fields, value, against, path, trail);
    }
    return [...whole, ...inFields(branch.fields, value, branchDefault(shape.tag, branch), path, trail)];
  }
  return whole;
}

function inFields(
  fields: readonly Node[],
  value: JsonObject,
  against: JsonObject,
  path: string,
  trail: readonly string[],
): Change[] {
  return fields.flatMap((field) =>
    changesOf(field, value[field.name], against[field.name] ?? field.fallback, joinPath(path, field.name), [
      ...trail,
      field.title,
    ]),
  );
}

/** The field at a path of a value; undefined where the value has no such field (another branch, a place in a list). */
export function nodeAt(root: Node, value: Json, path: string): Node | undefined {
  let node: Node | undefined = root;
  let at = '';
  for (const key of path ? path.split('.') : []) {
    node = fieldsOf(node, getAt(value, at)).find((field) => field.name === key);
    if (!node) return undefined;
    at = joinPath(at, key);
  }
  return node;
}

/**
 * Set a field by its path. The tag of a union (`optimizer.type`) changes its branch, as a hand does in the form.
 */
export function withChange(root: Node, value: Json, path: string, to: Json): Json {
  const dot = path.lastIndexOf('.');
  const parent = nodeAt(root, value, dot < 0 ? '' : path.slice(0, dot));
  if (parent?.shape.kind === 'union' && parent.shape.tag === path.slice(dot + 1)) {
    const branch = parent.shape.branches.find((each) => each.value === to);
    const above = path.slice(0, dot);
    if (branch) return setAt(value, above, withBranch(parent, getAt(value, above), branch));
  }
  return setAt(value, path, to);
}
