/** Configs as YAML files, the same that `lim jobs launch --config` takes. The parser is loaded when it is needed. */

import { writeYaml } from '@/lib/yaml';
import { ConfigFileError, type ParsedConfig } from './config-file';
import { isObject, type Json, type JsonObject, setAt } from './schema-form/json';
import type { Form } from './schema-form/node';
import { changesOf } from './schema-form/values';

const MOST_CHARACTERS = 1_000_000;

/** The config of a file: a training config, or a run's file whose `training` is one. */
export async function parseConfig(text: string): Promise<ParsedConfig> {
  if (text.length > MOST_CHARACTERS) throw new ConfigFileError('The file is too large for a config.');
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
  const [error] = document.errors;
  if (error) {
    const line = error.linePos?.[0].line;
    const message = error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? '';
    throw new ConfigFileError(`${message}${/[.!?]$/.test(message) ? '' : '.'}`, line ?? null);
  }
  // Few aliases: a file of a few lines must not become one of millions of values.
  const value = document.toJS({ maxAliasCount: 100 }) as Json;
  if (!isObject(value)) {
    throw new ConfigFileError(
      'There are no settings in it. A config is a mapping, such as `max_steps: 200`.',
    );
  }
  const isRun = isObject(value.training);
  return { config: (isRun ? value.training : value) as JsonObject, isRun };
}

/** A config as YAML: what differs from the defaults, or all of it. */
export async function formatConfig(form: Form, config: JsonObject, isComplete: boolean): Promise<string> {
  return writeYaml(isComplete ? config : onlyChanges(form, config));
}

/** The smallest config that means the same; a branch that is not the default names its type. */
export function onlyChanges(form: Form, config: JsonObject): JsonObject {
  let result: Json = {};
  for (const { path, node, value } of changesOf(form.root, config)) {
    if (value === undefined) continue;
    if (node.shape.kind === 'union' && isObject(value)) {
      result = setAt(result, `${path}.${node.shape.tag}`, value[node.shape.tag] ?? null);
    } else result = setAt(result, path, value);
  }
  return withTags(form, result as JsonObject, config);
}

/** The platform reads a branch only with its type, also where that is the default. */
function withTags(form: Form, partial: JsonObject, config: JsonObject): JsonObject {
  const tagged = (node: Form['root'], at: Json, full: Json | undefined): Json => {
    if (!isObject(at) || !isObject(full)) return at;
    const { shape } = node;
    const fields =
      shape.kind === 'object'
        ? shape.fields
        : shape.kind === 'union'
          ? (shape.branches.find((branch) => branch.value === full[shape.tag])?.fields ?? [])
          : [];
    const inside = Object.fromEntries(
      Object.entries(at).map(([key, value]) => {
        const field = fields.find((each) => each.name === key);
        return [key, field ? tagged(field, value, full[key]) : value];
      }),
    );
    return shape.kind === 'union' ? { [shape.tag]: full[shape.tag] ?? null, ...inside } : inside;
  };
  return tagged(form.root, partial, config) as JsonObject;
}
