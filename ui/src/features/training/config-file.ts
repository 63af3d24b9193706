import type { JsonObject } from './schema-form/json';

export interface ParsedConfig {
  config: JsonObject;
  /** The file describes a whole run; only its training config is taken. */
  isRun: boolean;
}

/** A file that holds no config; `line` counts from 1, where the fault has one. */
export class ConfigFileError extends Error {
  readonly line: number | null;
  constructor(message: string, line: number | null = null) {
    super(message);
    this.line = line;
  }
}
