'use client';

import type { DatasetItemOut } from '@less-is-more/client';
import { Pause, Play, VolumeX } from 'lucide-react';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Tooltip } from '@/components/ui/tooltip';
import { cn } from '@/lib/cn';
import { formatDuration } from '@/lib/format';
import { findingTitle, SEVERITIES } from '../findings';
import type { Severity } from '../types';
import type { Drafted } from './draft';
import type { Player } from './use-player';

interface ItemRowProps {
  item: DatasetItemOut;
  drafted: Drafted;
  player: Player;
  isOpen: boolean;
  showsSplit: boolean;
  showsGroup: boolean;
  onOpen: () => void;
}

const SPLIT_WORDS: Record<string, string> = { train: 'Training', validation: 'Validation', test: 'Test' };
const MOST_FINDINGS = 2;

/** An item in the list: play it, read its text, open it. */
export function ItemRow({ item, drafted, player, isOpen, showsSplit, showsGroup, onOpen }: ItemRowProps) {
  const isMine = player.path === item.path;
  const { audio_url: url } = item;
  const name = drafted.text || item.path;
  return (
    <div
      className={cn(
        'group relative flex min-h-14 items-center gap-3 px-3 py-2 transition-colors hover:bg-hover/60',
        isOpen && 'bg-primary-soft',
        !drafted.isIn && 'bg-muted/40',
      )}
    >
      {url ? (
        <Button
          variant={isMine ? 'primary' : 'secondary'}
          size="icon"
          className="relative z-10 rounded-full"
          aria-label={`${isMine && player.isPlaying ? 'Pause' : 'Play'} ${name.slice(0, 80)}`}
          onClick={() => player.toggle(item.path, url)}
        >
          {isMine && player.isPlaying ? (
            <Pause aria-hidden />
          ) : (
            <Play aria-hidden className="translate-x-px" />
          )}
        </Button>
      ) : (
        <Tooltip content="What is left out is not stored, so it cannot be played here.">
          <span
            // biome-ignore lint/a11y/noNoninteractiveTabindex: the hint must be reachable by keyboard
            tabIndex={0}
            role="img"
            aria-label="Cannot be played: it was left out"
            className="relative z-10 flex size-8 shrink-0 items-center justify-center rounded-full text-muted-foreground"
          >
            <VolumeX className="size-4" aria-hidden />
          </span>
        </Tooltip>
      )}
      <div className="min-w-0 flex-1">
        <button
          type="button"
          onClick={onOpen}
          className="block w-full text-left after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:outline-ring focus-visible:after:-outline-offset-2"
        >
          <span
            dir="auto"
            className={cn(
              'line-clamp-2 whitespace-pre-line break-words text-sm',
              !drafted.isIn && 'text-muted-foreground line-through decoration-1',
              !drafted.text && 'text-muted-foreground italic',
            )}
          >
            {drafted.text || 'no text'}
          </span>
        </button>
        <p className="mt-0.5 flex flex-wrap items-center gap-x-2 gap-y-1 text-muted-foreground text-xs">
          <bdi className="max-w-full truncate" title={item.path}>
            {item.path}
          </bdi>
          {drafted.isChanged && <Badge tone="primary">{drafted.isIn ? 'Changed' : 'Will be left out'}</Badge>}
          {item.findings.slice(0, MOST_FINDINGS).map((finding) => (
            <Badge
              key={`${finding.code} ${finding.reason}`}
              tone={SEVERITIES[finding.severity as Severity]?.tone ?? 'neutral'}
              title={finding.reason}
              className="relative"
            >
              <span className="truncate">{findingTitle(finding.code)}</span>
            </Badge>
          ))}
          {item.findings.length > MOST_FINDINGS && <span>+{item.findings.length - MOST_FINDINGS}</span>}
        </p>
        {isMine && (
          <div className="mt-1.5 h-0.5 overflow-hidden rounded-full bg-muted" aria-hidden>
            <div className="h-full bg-primary" style={{ width: `${player.share * 100}%` }} />
          </div>
        )}
      </div>
      {showsGroup && (
        <span className="hidden w-28 truncate text-muted-foreground text-sm lg:block" dir="auto">
          {drafted.group ?? '–'}
        </span>
      )}
      {showsSplit && (
        <span className="hidden w-20 text-muted-foreground text-sm sm:block">
          {drafted.split ? (SPLIT_WORDS[drafted.split] ?? drafted.split) : '–'}
        </span>
      )}
      <span className="tabular w-14 shrink-0 text-right text-muted-foreground text-sm">
        {formatDuration(item.duration_s)}
      </span>
    </div>
  );
}
