/** A connection to one platform: the generated operations on it throw `ClientError` and authenticate themselves. */

import { ClientError, ConnectionError, problemOf, SignedOutError } from './errors.ts';
import type { Client } from './generated/client/index.ts';
import { client as sharedClient } from './generated/client.gen.ts';
import type { Session } from './session.ts';

/** Paths that carry credentials themselves; a 401 there is about those, not about an access token. */
const WITHOUT_TOKEN = /\/api\/v1\/auth\//;

export interface ConnectOptions {
  /** Address of the platform; empty for the page's own origin. */
  baseUrl: string;
  session: Session;
  /** The client to set up; unset: the one that the operations use when no other is given. */
  client?: Client;
}

/**
 * Set up a client: an access token on each request, one silent refresh and retry after a 401, errors as
 * `ClientError`. Afterwards the generated operations can be called: `await listJobs({ query: { limit: 20 } })`.
 */
export function connect({ baseUrl, session, client = sharedClient }: ConnectOptions): Client {
  client.setConfig({
    baseUrl,
    throwOnError: true,
    responseStyle: 'data',
    fetch: (input, init) => authorizedFetch(session, input, init),
  });
  client.interceptors.error.clear();
  client.interceptors.error.use((error, response) => {
    if (error instanceof ClientError) return error;
    if (error instanceof DOMException && error.name === 'AbortError') return error;
    // Without an answer, or with a good one that broke off: neither is a refusal.
    if (response === undefined || response.ok) return unreachable(error);
    return problemOf(response, error);
  });
  return client;
}

/** `fetch` with the session's access token; refreshes it once when the platform answers 401. */
export async function authorizedFetch(
  session: Session,
  input: RequestInfo | URL,
  init?: RequestInit,
): Promise<Response> {
  const request = new Request(input, init);
  if (WITHOUT_TOKEN.test(request.url)) return reached(fetch(request));
  const again = request.clone();
  const token = await session.accessToken();
  if (token !== null) request.headers.set('Authorization', `Bearer ${token}`);
  const response = await reached(fetch(request));
  if (response.status !== 401 || token === null) return response;
  const newer = await session.renewed(token);
  if (newer === null) throw new SignedOutError('The login has ended. Log in again.');
  again.headers.set('Authorization', `Bearer ${newer}`);
  return reached(fetch(again));
}

async function reached(response: Promise<Response>): Promise<Response> {
  try {
    return await response;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw unreachable(error);
  }
}

function unreachable(cause: unknown): ConnectionError {
  return new ConnectionError('The platform cannot be reached. Check the connection; trying again may help.', {
    cause,
  });
}
