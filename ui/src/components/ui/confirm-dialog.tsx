'use client';

import { type ReactNode, useEffect, useState } from 'react';
import { wordsOf } from '@/lib/problems';
import { Alert } from './alert';
import { Button } from './button';
import { Dialog } from './dialog';
import { FormField } from './form-field';
import { Input } from './input';

interface ConfirmDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  /** What will happen, and what will not. */
  description: ReactNode;
  /** The verb and the object: "Delete dataset", never "OK". */
  action: string;
  /** For what cannot be undone: the text (a name) that must be typed first. */
  typed?: string;
  danger?: boolean;
  /** Does it; the dialog stays open and shows the error when it throws. */
  onConfirm: () => Promise<unknown>;
  children?: ReactNode;
}

export function ConfirmDialog({
  open,
  onOpenChange,
  title,
  description,
  action,
  typed,
  danger = true,
  onConfirm,
  children,
}: ConfirmDialogProps) {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    if (open) {
      setText('');
      setError(null);
    }
  }, [open]);
  const isReady = typed === undefined || text.trim() === typed.trim();
  const confirm = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onOpenChange(false);
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !busy && onOpenChange(next)}
      title={title}
      description={description}
      footer={
        <>
          <Button onClick={() => onOpenChange(false)} disabled={busy}>
            Cancel
          </Button>
          <Button variant={danger ? 'danger' : 'primary'} busy={busy} disabled={!isReady} onClick={confirm}>
            {action}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) void confirm();
        }}
      >
        {children}
        {typed !== undefined && (
          <FormField
            label={
              <>
                Type <span className="name rounded bg-muted px-1 font-mono text-xs">{typed}</span> to confirm
              </>
            }
          >
            <Input
              value={text}
              onChange={(event) => setText(event.target.value)}
              autoComplete="off"
              spellCheck={false}
            />
          </FormField>
        )}
        {error !== null && (
          <Alert tone="danger" title={wordsOf(error).title}>
            {wordsOf(error).cure}
          </Alert>
        )}
      </form>
    </Dialog>
  );
}
