'use client';

import { connect, LoginSession } from '@less-is-more/client';

/** The page talks only to the origin that it came from. */
export const BASE_URL = '';

const ended = new Set<() => void>();

/** The login of this tab: the access token in memory, the refresh token in a cookie that scripts cannot read. */
export const session = new LoginSession({
  baseUrl: BASE_URL,
  refreshToken: 'cookie',
  onEnd: () => {
    for (const listener of ended) listener();
  },
});

connect({ baseUrl: BASE_URL, session });

/** Be told when the login ends without a log-out in this tab; returns how to stop. */
export function onSessionEnd(listener: () => void): () => void {
  ended.add(listener);
  return () => void ended.delete(listener);
}
