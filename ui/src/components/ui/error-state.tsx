'use client';

import { CircleAlert, RotateCw, Unplug } from 'lucide-react';
import { cn } from '@/lib/cn';
import { wordsOf } from '@/lib/problems';
import { Button } from './button';

interface ErrorStateProps {
  error: unknown;
  onRetry?: () => void;
  className?: string;
}

/** In place of what could not be loaded: why, the cure, and another try. */
export function ErrorState({ error, onRetry, className }: ErrorStateProps) {
  const { title, cure, reference, isConnection } = wordsOf(error);
  const Icon = isConnection ? Unplug : CircleAlert;
  return (
    <div role="alert" className={cn('flex flex-col items-center px-6 py-14 text-center', className)}>
      <div className="mb-4 flex size-11 items-center justify-center rounded-xl bg-danger-soft">
        <Icon className="size-5 text-danger-text" aria-hidden />
      </div>
      <p className="name font-semibold text-base">{title}</p>
      {cure && <p className="name mt-1 max-w-md text-muted-foreground text-sm">{cure}</p>}
      {onRetry && (
        <Button className="mt-4" onClick={onRetry}>
          <RotateCw aria-hidden /> Try again
        </Button>
      )}
      {reference && <p className="mt-4 font-mono text-2xs text-muted-foreground">Request {reference}</p>}
    </div>
  );
}
