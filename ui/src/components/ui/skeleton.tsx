import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

/** The place of something that loads. The region around it carries `aria-busy`. */
export function Skeleton({ className, ...props }: ComponentProps<'div'>) {
  return <div aria-hidden className={cn('h-4 animate-shimmer rounded-md bg-muted', className)} {...props} />;
}
