import { type ReactNode, useId } from 'react';
import { cn } from '@/lib/cn';

interface HintProps {
  /** A sentence for somebody who meets the word for the first time. */
  content: string;
  children: ReactNode;
  className?: string;
}

/** A word with its explanation on hover and focus; screen readers read it behind the word. Needs no script. */
export function Hint({ content, children, className }: HintProps) {
  const id = useId();
  return (
    <span className={cn('group relative inline-block max-w-full', className)}>
      <button
        type="button"
        aria-describedby={id}
        className="max-w-full cursor-help rounded text-left underline decoration-dotted underline-offset-4"
      >
        {children}
      </button>
      <span
        role="tooltip"
        id={id}
        className="pointer-events-none invisible absolute bottom-full left-0 z-30 mb-1.5 w-max max-w-60 rounded-md max-sm:fixed max-sm:inset-x-4 max-sm:bottom-4 max-sm:w-auto max-sm:max-w-none bg-foreground px-2 py-1 font-normal text-background text-xs opacity-0 shadow-overlay transition-opacity delay-200 group-focus-within:visible group-focus-within:opacity-100 group-hover:visible group-hover:opacity-100"
      >
        {content}
      </span>
    </span>
  );
}
