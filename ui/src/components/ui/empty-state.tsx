import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';

interface EmptyStateProps {
  icon: LucideIcon;
  title: string;
  /** What this place is for, and the first step. */
  description?: ReactNode;
  actions?: ReactNode;
  className?: string;
}

export function EmptyState({ icon: Icon, title, description, actions, className }: EmptyStateProps) {
  return (
    <div className={cn('flex flex-col items-center px-6 py-14 text-center', className)}>
      <div className="mb-4 flex size-11 items-center justify-center rounded-xl border bg-card shadow-lift">
        <Icon className="size-5 text-muted-foreground" aria-hidden />
      </div>
      <p className="font-semibold text-base">{title}</p>
      {description && (
        <div className="name mt-1 max-w-md text-balance text-muted-foreground text-sm">{description}</div>
      )}
      {actions && <div className="mt-4 flex flex-wrap justify-center gap-2">{actions}</div>}
    </div>
  );
}
