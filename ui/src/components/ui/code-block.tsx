import { cn } from '@/lib/cn';
import { CopyButton } from './copy-button';

interface CodeBlockProps {
  code: string;
  /** Shown above: a file's name, "Python", "curl". */
  title?: string;
  className?: string;
}

export function CodeBlock({ code, title, className }: CodeBlockProps) {
  return (
    <figure className={cn('overflow-hidden rounded-lg border bg-muted/50', className)}>
      {title && (
        <figcaption className="border-b px-3 py-1.5 text-muted-foreground text-xs">{title}</figcaption>
      )}
      {/* The button has a place of its own: a long line scrolls beside it, never under it. */}
      <div className="flex items-start">
        <section
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          tabIndex={0}
          aria-label={title ?? 'Code'}
          className="max-h-112 min-w-0 flex-1 overflow-auto p-3"
        >
          <pre className="w-max font-mono text-xs leading-5">
            <code>{code}</code>
          </pre>
        </section>
        <CopyButton text={code} className="mt-1.5 mr-1.5 bg-card" />
      </div>
    </figure>
  );
}
