'use client';

import { useRef } from 'react';

/** A request that was sent, and its key. */
export interface Sent {
  body: string;
  key: string;
}

/** An id that is hard to guess; `crypto.randomUUID` exists only on HTTPS and localhost. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

/** The key of a request: the same for the same request, so that one whose answer was lost creates nothing twice. */
export function keyFor(body: unknown, sent: Sent | null): Sent {
  const text = JSON.stringify(body);
  return sent?.body === text ? sent : { body: text, key: newId() };
}

/**
 * The key of what a filled form sends. Kept outside of React's state, so that two presses within a frame, or one after
 * an answer that was lost, send the same key; a changed form gets a new one.
 */
export function useRequestKey(sent: Sent | null = null): (body: unknown) => Sent {
  const last = useRef(sent);
  return (body) => {
    last.current = keyFor(body, last.current);
    return last.current;
  };
}
