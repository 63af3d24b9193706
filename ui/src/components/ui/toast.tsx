'use client';

import { CircleAlert, CircleCheck, Info, X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { cn } from '@/lib/cn';
import { wordsOf } from '@/lib/problems';
import { Button } from './button';

interface Toast {
  id: number;
  tone: 'info' | 'success' | 'danger';
  title: string;
  description?: string;
  action?: { label: string; onClick: () => void };
}

const SHOWN_MS = 6000;
const MOST = 4;
let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

function show(toast: Omit<Toast, 'id'>): void {
  lastId += 1;
  const id = lastId;
  set([...toasts, { ...toast, id }].slice(-MOST));
  // Errors and offers stay until they are closed: nobody should have to read quickly.
  if (toast.tone !== 'danger' && !toast.action) setTimeout(() => dismiss(id), SHOWN_MS);
}

function dismiss(id: number): void {
  set(toasts.filter((toast) => toast.id !== id));
}

/** Short messages about what just happened; never the only place of something that is needed. */
export const toast = {
  success: (title: string, rest: Partial<Pick<Toast, 'description' | 'action'>> = {}) =>
    show({ tone: 'success', title, ...rest }),
  info: (title: string, rest: Partial<Pick<Toast, 'description' | 'action'>> = {}) =>
    show({ tone: 'info', title, ...rest }),
  /** Something of the platform has failed, with its own words for why. */
  failure: (title: string, description?: string | null) =>
    show({ tone: 'danger', title, ...(description ? { description } : {}) }),
  /** What went wrong and the cure, from any error. */
  error: (error: unknown) => {
    const { title, cure } = wordsOf(error);
    show({ tone: 'danger', title, ...(cure ? { description: cure } : {}) });
  },
};

const LOOKS = {
  info: { icon: Info, text: 'text-primary-text' },
  success: { icon: CircleCheck, text: 'text-success-text' },
  danger: { icon: CircleAlert, text: 'text-danger-text' },
} as const;
const NONE: readonly Toast[] = [];

export function Toaster() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    () => toasts,
    () => NONE,
  );
  return (
    <section
      aria-label="Messages"
      aria-live="polite"
      className="pointer-events-none fixed right-4 bottom-4 z-60 flex w-[min(24rem,calc(100vw-2rem))] flex-col gap-2"
    >
      {shown.map(({ id, tone, title, description, action }) => {
        const { icon: Icon, text } = LOOKS[tone];
        return (
          <div
            key={id}
            role={tone === 'danger' ? 'alert' : 'status'}
            className="pointer-events-auto flex animate-in items-start gap-2.5 rounded-lg bg-popover p-3 text-sm shadow-overlay fade-in-0 slide-in-from-bottom-2"
          >
            <Icon className={cn('mt-0.5 size-4 shrink-0', text)} aria-hidden />
            <div className="min-w-0 flex-1">
              <p className="name font-medium">{title}</p>
              {description && <p className="name mt-0.5 text-muted-foreground">{description}</p>}
              {action && (
                <Button
                  variant="link"
                  size="inline"
                  className="mt-1"
                  onClick={() => {
                    dismiss(id);
                    action.onClick();
                  }}
                >
                  {action.label}
                </Button>
              )}
            </div>
            <Button
              variant="ghost"
              size="icon-sm"
              aria-label="Close message"
              className="-mt-1 -mr-1"
              onClick={() => dismiss(id)}
            >
              <X aria-hidden />
            </Button>
          </div>
        );
      })}
    </section>
  );
}
