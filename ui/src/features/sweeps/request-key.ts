'use client';

import { useRef } from 'react';
import { newId } from '@/features/training/draft';

export interface Sent {
  body: string;
  key: string;
}

/** The key of a request: the same for the same body, so that a second press or a retry creates nothing twice. */
export function keyFor(body: unknown, sent: Sent | null): Sent {
  const text = JSON.stringify(body);
  return sent?.body === text ? sent : { body: text, key: newId() };
}

/** The Idempotency-Key of what a form sends; another one as soon as the form holds something else. */
export function useRequestKey(): (body: unknown) => string {
  const sent = useRef<Sent | null>(null);
  return (body) => {
    sent.current = keyFor(body, sent.current);
    return sent.current.key;
  };
}
