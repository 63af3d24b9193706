import { cn } from '@/lib/cn';

interface ProgressProps {
  /** 0 to 1; null: under way, and nobody knows how far. */
  value: number | null;
  label: string;
  tone?: 'primary' | 'success' | 'warning' | 'danger' | 'neutral';
  className?: string;
}

const TONES = {
  primary: 'bg-primary',
  success: 'bg-success',
  warning: 'bg-warning',
  danger: 'bg-danger',
  neutral: 'bg-neutral',
} as const;

export function Progress({ value, label, tone = 'primary', className }: ProgressProps) {
  const share = value === null ? null : Math.min(1, Math.max(0, value));
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={share === null ? undefined : Math.round(share * 100)}
      className={cn('h-1.5 w-full overflow-hidden rounded-full bg-muted', className)}
    >
      <div
        className={cn(
          'h-full rounded-full transition-[width] duration-300',
          TONES[tone],
          share === null && 'w-1/3 animate-shimmer',
        )}
        style={share === null ? undefined : { width: `${share * 100}%` }}
      />
    </div>
  );
}
