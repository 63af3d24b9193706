/**
 * Errors of the client:
 *
 *   ClientError
 *   ├── ProblemError      the platform refused a request; says why, and at which fields
 *   ├── ConnectionError   the platform could not be reached, or the connection broke
 *   └── SignedOutError    there is no login, or it has ended
 */

import type { Problem, ProblemFault } from './generated/types.gen.ts';

export class ClientError extends Error {
  override name = 'ClientError';
}

/** A refusal, from the platform's problem document (RFC 9457). */
export class ProblemError extends ClientError {
  override name = 'ProblemError';
  readonly status: number;
  /** Stable, machine-readable code, such as `name_taken`. */
  readonly code: string;
  readonly title: string;
  /** What was found, what is allowed, what to do. */
  readonly detail: string;
  /** Every faulty field: `path` is dotted, as in the request's body. */
  readonly errors: readonly ProblemFault[];
  /** Id of the request in the platform's logs. */
  readonly correlationId: string;
  /** Seconds after which to try again, from `Retry-After`. */
  readonly retryAfterS: number | null;

  constructor(problem: Problem, retryAfterS: number | null = null) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.code;
    this.title = problem.title;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.correlationId = problem.correlation_id;
    this.retryAfterS = retryAfterS;
  }

  /** The fault of one field, by its dotted path in the body. */
  at(path: string): string | undefined {
    return this.errors.find((fault) => fault.path === path)?.message;
  }
}

export class ConnectionError extends ClientError {
  override name = 'ConnectionError';
}

export class SignedOutError extends ClientError {
  override name = 'SignedOutError';
}

/** The error of a response that is not a success; `body` as text or parsed JSON. */
export function problemOf(response: Response, body: unknown): ProblemError {
  const after = Number(response.headers.get('Retry-After'));
  return new ProblemError(
    isProblem(body) ? body : unexplained(response),
    Number.isFinite(after) && after > 0 ? after : null,
  );
}

export function isProblem(value: unknown): value is Problem {
  return (
    typeof value === 'object' && value !== null && 'code' in value && 'detail' in value && 'status' in value
  );
}

/** What stands between client and platform (a proxy) answers without a problem document. */
function unexplained(response: Response): Problem {
  return {
    type: 'about:blank',
    title: response.statusText || 'Error',
    status: response.status,
    code: `http_${response.status}`,
    detail: `The server answered ${response.status} ${response.statusText}`.trim().concat('.'),
    errors: [],
    correlation_id: response.headers.get('X-Request-ID') ?? '-',
  };
}
