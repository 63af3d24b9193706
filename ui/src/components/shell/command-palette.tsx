'use client';

import { listDatasets, listJobs, listModels } from '@less-is-more/client';
import { useQuery } from '@tanstack/react-query';
import { Activity, Box, CornerDownLeft, Database, type LucideIcon, Moon, Search, Sun } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { Dialog as Primitive } from 'radix-ui';
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react';
import { Kbd } from '@/components/ui/kbd';
import { useAuth } from '@/lib/auth/auth-provider';
import { formatId } from '@/lib/format';
import { setTheme, useTheme } from '@/lib/theme';
import { useDebounced } from '@/lib/use-debounced';
import { ACTIONS, ADMIN, SECTIONS, SETTINGS } from './navigation';

interface Command {
  id: string;
  group: string;
  label: string;
  detail?: string;
  icon: LucideIcon;
  words: string;
  run: () => void;
}

const FOUND = 5;

/** Ctrl-K: go to any page, start anything, find a job, dataset or model by its name. */
export default function CommandPalette({ onClose }: { onClose: () => void }) {
  return (
    <Primitive.Root open onOpenChange={(open) => !open && onClose()}>
      <Primitive.Portal>
        <Primitive.Overlay className="fixed inset-0 z-50 bg-overlay data-[state=open]:animate-in data-[state=open]:fade-in-0" />
        <Primitive.Content
          aria-describedby={undefined}
          className="fixed inset-x-2 top-[10vh] z-50 mx-auto flex max-h-[70vh] max-w-xl flex-col overflow-hidden rounded-xl bg-popover text-popover-foreground shadow-overlay duration-150 data-[state=open]:animate-in data-[state=open]:fade-in-0 data-[state=open]:zoom-in-[0.98]"
        >
          <Primitive.Title className="sr-only">Search or jump to</Primitive.Title>
          <Palette onDone={onClose} />
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}

function Palette({ onDone }: { onDone: () => void }) {
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const listId = useId();
  const list = useRef<HTMLDivElement>(null);
  const commands = useCommands(text.trim(), onDone);
  useEffect(() => {
    list.current?.querySelector(`[id="${listId}-${active}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [active, listId]);
  const onKeyDown = (event: KeyboardEvent) => {
    const to = { ArrowDown: active + 1, ArrowUp: active - 1 }[event.key];
    if (to !== undefined && commands.length > 0) {
      event.preventDefault();
      setActive((to + commands.length) % commands.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      commands[active]?.run();
    }
  };
  return (
    <>
      <div className="flex items-center gap-2.5 border-b px-4">
        <Search className="size-4 shrink-0 text-muted-foreground" aria-hidden />
        <input
          role="combobox"
          aria-label="Search or jump to"
          aria-expanded
          aria-controls={listId}
          aria-activedescendant={commands[active] ? `${listId}-${active}` : undefined}
          placeholder="Search or jump to …"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setActive(0);
          }}
          onKeyDown={onKeyDown}
          className="h-12 min-w-0 flex-1 bg-transparent text-[16px] outline-none placeholder:text-muted-foreground"
        />
        <Kbd>Esc</Kbd>
      </div>
      <div
        ref={list}
        id={listId}
        role="listbox"
        aria-label="Results"
        className="min-h-0 flex-1 overflow-y-auto p-1.5"
      >
        {commands.map((command, index) => (
          <div key={command.id} role="presentation">
            {commands[index - 1]?.group !== command.group && (
              <p role="presentation" className="px-2.5 pt-2 pb-1 font-medium text-muted-foreground text-xs">
                {command.group}
              </p>
            )}
            {/* biome-ignore lint/a11y/useFocusableInteractive: focus stays in the search field, which names the active option */}
            {/* biome-ignore lint/a11y/useKeyWithClickEvents: the search field has the keys */}
            <div
              id={`${listId}-${index}`}
              role="option"
              aria-selected={index === active}
              onClick={command.run}
              onMouseMove={() => setActive(index)}
              className="flex cursor-pointer items-center gap-2.5 rounded-md px-2.5 py-2 text-sm aria-selected:bg-hover"
            >
              <command.icon className="size-4 shrink-0 text-muted-foreground" aria-hidden />
              <span className="name line-clamp-1 min-w-0 flex-1">{command.label}</span>
              {command.detail && (
                <span className="shrink-0 font-mono text-muted-foreground text-xs">{command.detail}</span>
              )}
              {index === active && (
                <CornerDownLeft className="size-3.5 shrink-0 text-muted-foreground" aria-hidden />
              )}
            </div>
          </div>
        ))}
      </div>
      {commands.length === 0 && (
        <p role="status" className="px-4 pb-8 text-center text-muted-foreground text-sm">
          Nothing found for “{text}”.
        </p>
      )}
    </>
  );
}

function useCommands(text: string, onDone: () => void): Command[] {
  const router = useRouter();
  const { isAdmin } = useAuth();
  const { isDark } = useTheme();
  const q = useDebounced(text, 200);
  const { data: found } = useQuery({
    queryKey: ['palette', q],
    enabled: q.length >= 2,
    queryFn: async ({ signal }) => {
      const query = { q, limit: FOUND };
      const [jobs, datasets, models] = await Promise.all([
        listJobs({ query, signal }),
        listDatasets({ query, signal }),
        listModels({ query, signal }),
      ]);
      return { jobs: jobs.items, datasets: datasets.items, models: models.items };
    },
  });
  return useMemo(() => {
    const go = (href: string) => () => {
      onDone();
      router.push(href);
    };
    const pages = (group: string, items: typeof SECTIONS): Command[] =>
      items.map(({ label, href, icon, words }) => ({
        id: href,
        group,
        label,
        icon,
        words: `${label} ${words ?? ''}`,
        run: go(href),
      }));
    const fixed = [
      ...pages('Go to', SECTIONS),
      ...pages('Start', ACTIONS),
      ...pages('Settings', SETTINGS),
      ...(isAdmin ? pages('Administration', ADMIN) : []),
      {
        id: 'theme',
        group: 'Settings',
        label: isDark ? 'Light theme' : 'Dark theme',
        icon: isDark ? Sun : Moon,
        words: 'theme dark light appearance',
        run: () => {
          setTheme(isDark ? 'light' : 'dark');
          onDone();
        },
      },
    ].filter((command) =>
      text
        .toLowerCase()
        .split(/\s+/)
        .every((word) => command.words.toLowerCase().includes(word)),
    );
    const things: Command[] =
      found && text.length >= 2
        ? [
            ...found.jobs.map((job) => ({
              id: job.id,
              group: 'Jobs',
              label: job.name,
              detail: formatId(job.id),
              icon: Activity,
              words: '',
              run: go(`/jobs/${job.id}`),
            })),
            ...found.datasets.map((dataset) => ({
              id: dataset.id,
              group: 'Datasets',
              label: dataset.name,
              icon: Database,
              words: '',
              run: go(`/datasets/${dataset.id}`),
            })),
            ...found.models.map((model) => ({
              id: model.id,
              group: 'Models',
              label: model.title,
              icon: Box,
              words: '',
              run: go(`/models/${model.id}`),
            })),
          ]
        : [];
    return [...fixed, ...things];
  }, [text, found, isAdmin, isDark, router, onDone]);
}
