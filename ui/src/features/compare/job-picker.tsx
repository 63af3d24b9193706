'use client';

import { Plus } from 'lucide-react';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { StatusBadge } from '@/components/ui/status-badge';
import { useJobs } from '@/features/jobs/api';
import { useDebounced } from '@/lib/use-debounced';

/** Adds a job to the comparison. */
export function JobPicker({ chosen, onAdd }: { chosen: readonly string[]; onAdd: (id: string) => void }) {
  const [open, setOpen] = useState(false);
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild>
        <Button>
          <Plus aria-hidden /> Add a job
        </Button>
      </PopoverTrigger>
      <PopoverContent align="end" className="w-80 p-0">
        {open && <Choices chosen={chosen} onAdd={onAdd} />}
      </PopoverContent>
    </Popover>
  );
}

function Choices({ chosen, onAdd }: { chosen: readonly string[]; onAdd: (id: string) => void }) {
  const [text, setText] = useState('');
  const list = useJobs({ q: useDebounced(text), status: '', type: '', project: '' });
  const rows = list.rows.filter((job) => !chosen.includes(job.id) && job.type !== 'ingestion');
  return (
    <>
      <div className="border-b p-2">
        <Input
          type="search"
          aria-label="Search jobs to compare"
          placeholder="Search jobs …"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <ul className="max-h-72 overflow-y-auto p-1" aria-label="Jobs">
        {rows.map((job) => (
          <li key={job.id}>
            <button
              type="button"
              onClick={() => onAdd(job.id)}
              className="flex w-full items-center justify-between gap-2 rounded-md px-2 py-1.5 text-left text-sm hover:bg-hover"
            >
              <span dir="auto" className="min-w-0 truncate">
                {job.name}
              </span>
              <StatusBadge status={job.status} />
            </button>
          </li>
        ))}
      </ul>
      {rows.length === 0 && (
        <p role="status" className="px-3 py-4 text-center text-muted-foreground text-sm">
          {list.isLoading ? 'Searching …' : 'There are no other jobs with this name.'}
        </p>
      )}
    </>
  );
}
