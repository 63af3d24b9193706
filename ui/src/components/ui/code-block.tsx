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
      <div className="relative">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
        <section tabIndex={0} aria-label={title ?? 'Code'} className="max-h-112 overflow-auto p-3 pr-11">
          <pre className="font-mono text-xs leading-5">
            <code>{code}</code>
          </pre>
        </section>
        <CopyButton text={code} className="absolute top-1.5 right-1.5 bg-card" />
      </div>
    </figure>
  );
}
