import { FlaskConical } from 'lucide-react';
import { Fragment, useId, useState } from 'react';
import { partsOf } from './describe';

/** A text with `code` in backticks. */
export function Inline({ text }: { text: string }) {
  return text.split(/(`[^`]+`)/).map((part, index) =>
    part.startsWith('`') && part.endsWith('`') && part.length > 2 ? (
      <code key={index} className="rounded bg-muted px-1 font-mono text-[0.92em] [overflow-wrap:anywhere]">
        {part.slice(1, -1)}
      </code>
    ) : (
      <Fragment key={index}>{part}</Fragment>
    ),
  );
}

/** A field's description: its first sentence, and the rest on demand. */
export function Description({ id, text }: { id: string; text: string }) {
  const [open, setOpen] = useState(false);
  const restId = useId();
  const { lead, rest } = partsOf(text);
  if (!lead && !rest) return null;
  return (
    <p id={id} className="text-muted-foreground text-xs leading-[1.15rem]">
      <Inline text={lead} />{' '}
      {rest && open && (
        <span id={restId}>
          <Inline text={rest} />{' '}
        </span>
      )}
      {rest && (
        <button
          type="button"
          aria-expanded={open}
          aria-controls={open ? restId : undefined}
          onClick={() => setOpen(!open)}
          className="rounded font-medium text-primary-text hover:underline"
        >
          {open ? 'Less' : 'More'}
        </button>
      )}
    </p>
  );
}

/** What one of our studies found about a choice. */
export function Finding({ text }: { text: string }) {
  return (
    <p className="flex items-start gap-2 rounded-md bg-warning-soft px-2.5 py-2 text-xs">
      <FlaskConical className="mt-px size-3.5 shrink-0 text-warning-text" aria-hidden />
      <span>
        <span className="font-medium text-warning-text">What we measured: </span>
        <Inline text={text.replace(/\b(docs\/[\w./-]+\.md)\b/g, '`$1`')} />
      </span>
    </p>
  );
}
