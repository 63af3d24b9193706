import { cn } from '@/lib/cn';

/** A short waveform: loud in the middle, little around it. */
export function Logo({ className, withName = true }: { className?: string; withName?: boolean }) {
  return (
    <span className={cn('flex items-center gap-2', className)}>
      <svg viewBox="0 0 32 32" className="size-6 shrink-0" aria-hidden>
        <rect width="32" height="32" rx="8" className="fill-primary" />
        <g className="fill-primary-foreground">
          <rect x="7" y="13" width="3" height="6" rx="1.5" />
          <rect x="12" y="8" width="3" height="16" rx="1.5" />
          <rect x="17" y="11" width="3" height="10" rx="1.5" />
          <rect x="22" y="14" width="3" height="4" rx="1.5" />
        </g>
      </svg>
      {withName && (
        <span className="whitespace-nowrap font-semibold text-base tracking-tight">Less Is More</span>
      )}
    </span>
  );
}
