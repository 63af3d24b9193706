/** JSON values, and places in them by dotted paths (`optimizer.betas.1`), as the platform's faults name them. */

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function joinPath(path: string, key: string | number): string {
  return path ? `${path}.${key}` : String(key);
}

/** The value at a path; undefined where there is none. */
export function getAt(value: Json | undefined, path: string): Json | undefined {
  let at: Json | undefined = value;
  for (const key of path ? path.split('.') : []) {
    if (Array.isArray(at)) at = at[Number(key)];
    else if (isObject(at)) at = at[key];
    else return undefined;
  }
  return at;
}

/** A copy with another value at a path; everything beside the path is shared with the original. */
export function setAt(value: Json, path: string, to: Json): Json {
  if (path === '') return to;
  const [key = '', ...rest] = path.split('.');
  if (Array.isArray(value)) {
    const copy = [...value];
    copy[Number(key)] = setAt(copy[Number(key)] ?? null, rest.join('.'), to);
    return copy;
  }
  const from = isObject(value) ? value : {};
  return { ...from, [key]: setAt(from[key] ?? null, rest.join('.'), to) };
}

export function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => equal(item, b[index]));
  }
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => key in b && equal(a[key], b[key]));
  }
  return false;
}
