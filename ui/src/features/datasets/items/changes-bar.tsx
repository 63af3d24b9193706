'use client';

import { Undo2 } from 'lucide-react';
import { useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { toast } from '@/components/ui/toast';
import { plural } from '@/lib/format';
import { wordsOf } from '@/lib/problems';
import { useRevise } from '../api';
import {
  changeWords,
  countOf,
  type Draft,
  decisionsOf,
  EMPTY_DRAFT,
  groupWords,
  withoutGroup,
  withoutItem,
} from './draft';

interface ChangesBarProps {
  datasetId: string;
  version: number;
  draft: Draft;
  onDraft: (draft: Draft) => void;
  onMade: () => void;
}

/** What was corrected and is not applied yet; applying it makes the next version. */
export function ChangesBar({ datasetId, version, draft, onDraft, onMade }: ChangesBarProps) {
  const [isOpen, setIsOpen] = useState(false);
  const revise = useRevise(datasetId);
  const count = countOf(draft);
  if (count === 0) return null;
  const make = () =>
    revise.mutate(
      { parent: version, decisions: decisionsOf(draft) },
      {
        onSuccess: (made) => {
          setIsOpen(false);
          onDraft(EMPTY_DRAFT);
          toast.success(`Version ${made.number} is being made`, {
            description: 'The version that you have stays as it is.',
          });
          onMade();
        },
      },
    );
  return (
    <>
      <section
        aria-label="Changes"
        className="sticky bottom-4 z-30 mx-auto mt-4 flex w-full max-w-xl flex-wrap items-center gap-2 rounded-xl bg-popover px-4 py-2.5 shadow-overlay"
      >
        <p className="mr-auto text-sm" role="status">
          <span className="font-medium">{plural(count, 'change')}</span>{' '}
          <span className="text-muted-foreground">not applied yet</span>
        </p>
        <Button variant="ghost" onClick={() => onDraft(EMPTY_DRAFT)}>
          Discard
        </Button>
        <Button variant="primary" onClick={() => setIsOpen(true)}>
          Review
        </Button>
      </section>
      <Dialog
        open={isOpen}
        onOpenChange={setIsOpen}
        title="Make a new version"
        description={`All recordings are checked again with these changes. Version ${version} stays, and jobs that used it too.`}
        className="sm:max-w-2xl"
        footer={
          <>
            <Button onClick={() => setIsOpen(false)}>Go on correcting</Button>
            <Button variant="primary" busy={revise.isPending} onClick={make}>
              Make new version
            </Button>
          </>
        }
      >
        {revise.error && (
          <Alert tone="danger" title={wordsOf(revise.error).title} className="mb-3">
            {wordsOf(revise.error).cure}
          </Alert>
        )}
        <ul className="divide-y rounded-md border">
          {draft.groups.map((group) => (
            <Row
              key={group.code}
              title={groupWords(group)}
              onUndo={() => onDraft(withoutGroup(draft, group.code))}
            />
          ))}
          {Object.entries(draft.items).map(([path, change]) => (
            <Row
              key={path}
              title={path}
              words={changeWords(change).join(', ')}
              {...(change.text === undefined ? {} : { text: change.text })}
              onUndo={() => onDraft(withoutItem(draft, path))}
            />
          ))}
        </ul>
      </Dialog>
    </>
  );
}

function Row({
  title,
  words,
  text,
  onUndo,
}: {
  title: string;
  words?: string;
  text?: string;
  onUndo: () => void;
}) {
  return (
    <li className="flex items-center gap-3 px-3 py-2 text-sm">
      <div className="min-w-0 flex-1">
        <p className="name line-clamp-2">
          <bdi>{title}</bdi>
          {words && <span className="text-muted-foreground">: {words}</span>}
        </p>
        {text !== undefined && (
          <p dir="auto" className="mt-0.5 line-clamp-2 text-muted-foreground">
            {text}
          </p>
        )}
      </div>
      <Button variant="ghost" size="icon-sm" aria-label={`Undo: ${title}`} onClick={onUndo}>
        <Undo2 aria-hidden />
      </Button>
    </li>
  );
}
