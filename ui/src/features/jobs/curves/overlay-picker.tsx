'use client';

import { Check, Layers, Search } from 'lucide-react';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { RelativeTime } from '@/components/ui/relative-time';
import { useDebounced } from '@/lib/use-debounced';
import { useSiblings } from '../api';
import type { Job } from '../contract';

/** Most other runs whose curves are laid over a job's own. */
export const MOST_OVERLAID = 5;

interface OverlayPickerProps {
  job: Job;
  chosen: readonly string[];
  onChange: (ids: string[]) => void;
}

/** Chooses other runs whose curves are drawn in the same charts. */
export function OverlayPicker({ job, chosen, onChange }: OverlayPickerProps) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState('');
  const q = useDebounced(text);
  const others = useSiblings(job, q, open);
  const rows = others.data?.filter((one) => one.id !== job.id) ?? [];
  const toggle = (id: string) =>
    onChange(
      chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id].slice(-MOST_OVERLAID),
    );
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild>
        <Button size="sm">
          <Layers aria-hidden /> Other runs{chosen.length > 0 && ` (${chosen.length})`}
        </Button>
      </PopoverTrigger>
      <PopoverContent align="start" className="w-80 p-0">
        <div className="relative border-b p-2">
          <Search className="absolute top-4 left-4 size-4 text-muted-foreground" aria-hidden />
          <Input
            type="search"
            aria-label="Search runs to draw in the same charts"
            placeholder="Search runs …"
            value={text}
            onChange={(event) => setText(event.target.value)}
            className="pl-8"
          />
        </div>
        <ul className="max-h-72 overflow-y-auto p-1" aria-label="Runs">
          {rows.map((one) => (
            <li key={one.id}>
              <button
                type="button"
                aria-pressed={chosen.includes(one.id)}
                onClick={() => toggle(one.id)}
                className="flex w-full items-center gap-2 rounded-md px-2 py-1.5 text-left text-sm hover:bg-hover"
              >
                <span className="min-w-0 flex-1">
                  <span className="name block truncate">{one.name}</span>
                  <RelativeTime time={one.created_at} className="text-2xs text-muted-foreground" />
                </span>
                {chosen.includes(one.id) && (
                  <Check className="size-4 shrink-0 text-primary-text" aria-hidden />
                )}
              </button>
            </li>
          ))}
        </ul>
        {rows.length === 0 && (
          <p role="status" className="px-3 py-4 text-center text-muted-foreground text-sm">
            {others.isFetching ? 'Searching …' : 'There are no other runs of this kind.'}
          </p>
        )}
        {chosen.length > 0 && (
          <div className="border-t p-1.5">
            <Button variant="ghost" size="sm" className="w-full" onClick={() => onChange([])}>
              Show only this run
            </Button>
          </div>
        )}
      </PopoverContent>
    </Popover>
  );
}
