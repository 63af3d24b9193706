import { CircleAlert, CircleCheck, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';

const TONES = {
  info: { icon: Info, box: 'bg-primary-soft', text: 'text-primary-text' },
  success: { icon: CircleCheck, box: 'bg-success-soft', text: 'text-success-text' },
  warning: { icon: TriangleAlert, box: 'bg-warning-soft', text: 'text-warning-text' },
  danger: { icon: CircleAlert, box: 'bg-danger-soft', text: 'text-danger-text' },
} as const;

interface AlertProps {
  tone?: keyof typeof TONES;
  title?: ReactNode;
  children?: ReactNode;
  /** Buttons at the end. */
  actions?: ReactNode;
  className?: string;
}

/** A message that stays in the page. Errors are announced. */
export function Alert({ tone = 'info', title, children, actions, className }: AlertProps) {
  const { icon: Icon, box, text } = TONES[tone];
  return (
    <div
      role={tone === 'danger' ? 'alert' : 'status'}
      className={cn('flex items-start gap-2.5 rounded-lg px-3 py-2.5 text-sm', box, className)}
    >
      <Icon className={cn('mt-0.5 size-4 shrink-0', text)} aria-hidden />
      <div className="min-w-0 flex-1">
        {title && <p className={cn('name font-medium', text)}>{title}</p>}
        {children && <div className="name text-foreground">{children}</div>}
      </div>
      {actions && <div className="flex shrink-0 gap-2">{actions}</div>}
    </div>
  );
}
