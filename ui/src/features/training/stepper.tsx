import { Check, TriangleAlert } from 'lucide-react';
import { cn } from '@/lib/cn';
import { canOpen, type Done, STEPS, type StepId } from './steps';

interface StepperProps {
  current: StepId;
  done: Done;
  /** What was chosen in each step. */
  summaries: Partial<Record<StepId, string>>;
  faulty: ReadonlySet<StepId>;
  onOpen: (step: StepId) => void;
}

/** The steps, where one is, and the way back to each. */
export function Stepper({ current, done, summaries, faulty, onOpen }: StepperProps) {
  const index = STEPS.findIndex((step) => step.id === current);
  return (
    <nav aria-label="Steps of the new training" className="mb-6">
      <p className="mb-2 text-muted-foreground text-sm sm:hidden">
        Step {index + 1} of {STEPS.length}:{' '}
        <span className="font-medium text-foreground">{STEPS[index]?.title}</span>
      </p>
      <ol className="grid grid-cols-4 gap-1.5 sm:gap-2">
        {STEPS.map((step, at) => {
          const isCurrent = step.id === current;
          const isDone = step.id !== 'review' && done[step.id] && at < index;
          const isFaulty = faulty.has(step.id);
          return (
            <li key={step.id} className="min-w-0">
              <button
                type="button"
                aria-current={isCurrent ? 'step' : undefined}
                disabled={!isCurrent && !canOpen(step.id, done)}
                onClick={() => onOpen(step.id)}
                className={cn(
                  'group grid w-full gap-2 rounded-md pt-0.5 pb-1 text-left disabled:cursor-not-allowed',
                  !isCurrent && 'enabled:hover:text-foreground',
                )}
              >
                <span
                  className={cn(
                    'h-1 rounded-full transition-colors',
                    isFaulty
                      ? 'bg-danger'
                      : isCurrent || isDone
                        ? 'bg-primary'
                        : 'bg-border-strong group-enabled:group-hover:bg-neutral',
                  )}
                />
                <span className="flex items-center gap-1.5 max-sm:sr-only">
                  <span
                    aria-hidden
                    className={cn(
                      'flex size-5 shrink-0 items-center justify-center rounded-full font-semibold text-2xs',
                      isFaulty
                        ? 'bg-danger-soft text-danger-text'
                        : isDone
                          ? 'bg-primary-soft text-primary-text'
                          : isCurrent
                            ? 'bg-primary text-primary-foreground'
                            : 'bg-muted text-muted-foreground',
                    )}
                  >
                    {isFaulty ? (
                      <TriangleAlert className="size-3" />
                    ) : isDone ? (
                      <Check className="size-3" />
                    ) : (
                      at + 1
                    )}
                  </span>
                  <span className={cn('font-medium text-sm', !isCurrent && 'text-muted-foreground')}>
                    {step.title}
                    <span className="sr-only">{isFaulty ? ', needs attention' : isDone ? ', done' : ''}</span>
                  </span>
                </span>
                <span className="name line-clamp-1 min-h-4 text-muted-foreground text-xs max-sm:sr-only">
                  {summaries[step.id] ?? ''}
                </span>
              </button>
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
