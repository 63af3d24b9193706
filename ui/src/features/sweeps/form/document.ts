/** YAML that somebody writes in a form, with the line of each field. The parser is loaded when it is needed. */

import { ConfigFileError } from '@/features/training/config-file';
import { isObject, type Json, type JsonObject } from '@/features/training/schema-form/json';

export interface Written {
  value: JsonObject;
  /** Line of a field or of the nearest field around it, counted from 1; null where the text does not hold it. */
  lineOf: (path: string) => number | null;
}

/**
 * Read what was written; an empty text holds no fields.
 *
 * @throws ConfigFileError when it is no mapping in YAML.
 */
export async function readWritten(text: string): Promise<Written> {
  const { isNode, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true, lineCounter: lines });
  const [error] = document.errors;
  if (error) {
    const message = error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? '';
    throw new ConfigFileError(`${message}${/[.!?]$/.test(message) ? '' : '.'}`, error.linePos?.[0].line);
  }
  const value = (document.toJS({ maxAliasCount: 100 }) ?? {}) as Json;
  if (!isObject(value))
    throw new ConfigFileError('Write settings as a mapping, such as `max_steps: 200`.', 1);
  return {
    value,
    lineOf: (path) => {
      const parts = path.split('.');
      for (let length = parts.length; length > 0; length -= 1) {
        const keys = parts.slice(0, length).map((part) => (/^\d+$/.test(part) ? Number(part) : part));
        const node = document.getIn(keys, true);
        if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
      }
      return null;
    },
  };
}
