import { cn } from '@/lib/cn';
import type { Strength } from './strength';

const TONES = ['bg-border-strong', 'bg-danger', 'bg-warning', 'bg-success', 'bg-success'] as const;

export function StrengthMeter({ strength }: { strength: Strength }) {
  return (
    <div
      className="flex items-center gap-2"
      role="status"
      aria-label={`Password strength: ${strength.label}`}
    >
      <div className="grid flex-1 grid-cols-4 gap-1" aria-hidden>
        {[1, 2, 3, 4].map((step) => (
          <span
            key={step}
            className={cn(
              'h-1 rounded-full transition-colors',
              step <= strength.score ? TONES[strength.score] : 'bg-muted',
            )}
          />
        ))}
      </div>
      <span className="w-16 text-right text-muted-foreground text-xs">{strength.label}</span>
    </div>
  );
}
