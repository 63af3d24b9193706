'use client';

import { CircleAlert } from 'lucide-react';
import { Slot } from 'radix-ui';
import { type ReactElement, type ReactNode, useId } from 'react';
import { cn } from '@/lib/cn';
import { Label } from './label';

interface FormFieldProps {
  label: ReactNode;
  /** One sentence below the field; stays while an error is shown. */
  description?: ReactNode;
  /** What is wrong and what to do; from validation here or from the platform's problem document. */
  error?: string | undefined;
  /** Marks a field that may stay empty. */
  optional?: boolean;
  /** Set right of the label: a unit, a link. */
  aside?: ReactNode;
  className?: string;
  /** The control; receives id, aria-invalid and aria-describedby. */
  children: ReactElement;
}

export function FormField({
  label,
  description,
  error,
  optional,
  aside,
  className,
  children,
}: FormFieldProps) {
  const id = useId();
  const describedBy = [description && `${id}-about`, error && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div className={cn('grid content-start gap-1.5', className)}>
      <div className="flex items-baseline justify-between gap-2">
        <Label htmlFor={id}>
          {label}
          {optional && <span className="ml-1.5 font-normal text-muted-foreground">optional</span>}
        </Label>
        {aside && <span className="text-muted-foreground text-xs">{aside}</span>}
      </div>
      <Slot.Root id={id} aria-invalid={error ? true : undefined} aria-describedby={describedBy || undefined}>
        {children}
      </Slot.Root>
      {description && (
        <p id={`${id}-about`} className="text-muted-foreground text-xs">
          {description}
        </p>
      )}
      <FieldError id={`${id}-error`} message={error} />
    </div>
  );
}

/** The error of a field, announced when it appears. */
export function FieldError({ id, message }: { id?: string; message: string | undefined }) {
  return (
    <div aria-live="polite" id={id}>
      {message && (
        <p className="name flex items-start gap-1.5 text-danger-text text-xs">
          <CircleAlert className="mt-px size-3.5 shrink-0" aria-hidden />
          <span className="first-letter:uppercase">{message}</span>
        </p>
      )}
    </div>
  );
}
