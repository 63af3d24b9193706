import { cn } from '@/lib/cn';
import type { Change, Word } from './diff';

const LOOKS: Record<Exclude<Change, 'same'>, { className: string; spoken: string }> = {
  substituted: {
    className: 'bg-warning-soft text-warning-text underline decoration-wavy decoration-1 underline-offset-4',
    spoken: 'wrong word',
  },
  deleted: { className: 'bg-danger-soft text-danger-text line-through', spoken: 'missing word' },
  inserted: {
    className:
      'bg-primary-soft text-primary-text underline decoration-2 decoration-dotted underline-offset-4',
    spoken: 'added word',
  },
};

/** Words with their differences: by colour, by line, and in words for screen readers. */
export function DiffText({ words, empty }: { words: readonly Word[]; empty: string }) {
  if (words.length === 0) return <span className="text-muted-foreground italic">{empty}</span>;
  return (
    <span dir="auto" className="name">
      {words.map(({ text, change }, index) => {
        const look = change === 'same' ? null : LOOKS[change];
        return (
          <span key={index}>
            {index > 0 && ' '}
            {look ? (
              <span className={cn('rounded-[3px] px-0.5', look.className)}>
                <span className="sr-only">[{look.spoken}: </span>
                {text}
                <span className="sr-only">]</span>
              </span>
            ) : (
              text
            )}
          </span>
        );
      })}
    </span>
  );
}

export function DiffLegend() {
  return (
    <ul aria-label="Marks" className="flex flex-wrap gap-x-4 gap-y-1 text-muted-foreground text-xs">
      {(
        [
          ['substituted', 'wrong word'],
          ['deleted', 'missing'],
          ['inserted', 'added'],
        ] as const
      ).map(([change, label]) => (
        <li key={change} className="flex items-center gap-1.5">
          <span aria-hidden className={cn('rounded-[3px] px-1', LOOKS[change].className)}>
            word
          </span>
          {label}
        </li>
      ))}
    </ul>
  );
}
