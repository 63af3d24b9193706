'use client';

import { Check, ChevronsUpDown, LoaderCircle, Search } from 'lucide-react';
import { Popover } from 'radix-ui';
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import { cn } from '@/lib/cn';
import { fieldClasses } from './input';
import type { Option } from './select';

interface ComboboxProps {
  id?: string;
  value: string | null;
  onValueChange: (value: string) => void;
  options: readonly Option[];
  /** What the trigger shows for a value that is not among `options`, such as one found by an earlier search. */
  valueLabel?: string;
  placeholder?: string;
  searchPlaceholder?: string;
  /** Given: the server searches, and `options` are what it found. Unset: the options are filtered here. */
  onSearch?: (text: string) => void;
  isLoading?: boolean;
  emptyText?: string;
  disabled?: boolean;
  className?: string;
  'aria-invalid'?: boolean;
  'aria-describedby'?: string;
  'aria-label'?: string;
}

/** One of many options, found by typing (the ARIA combobox pattern: focus stays in the search field). */
export function Combobox({
  id,
  value,
  onValueChange,
  options,
  valueLabel,
  placeholder = 'Choose …',
  searchPlaceholder = 'Search …',
  onSearch,
  isLoading,
  emptyText = 'Nothing found.',
  disabled,
  className,
  ...aria
}: ComboboxProps) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const listId = useId();
  const list = useRef<HTMLDivElement>(null);
  const shown = onSearch
    ? options
    : options.filter((option) =>
        `${option.label} ${option.description ?? ''}`.toLowerCase().includes(text.toLowerCase()),
      );
  const chosen = options.find((option) => option.value === value);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another option becomes active, so another one is scrolled to
  useEffect(() => {
    list.current?.querySelector('[data-active=true]')?.scrollIntoView({ block: 'nearest' });
  }, [active]);

  const search = (next: string) => {
    setText(next);
    setActive(0);
    onSearch?.(next);
  };
  const choose = (option: Option | undefined) => {
    if (!option || option.disabled) return;
    onValueChange(option.value);
    setOpen(false);
    search('');
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const moves: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      Home: 0,
      End: shown.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined && shown.length > 0) {
      event.preventDefault();
      setActive((to + shown.length) % shown.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      choose(shown[active]);
    }
  };

  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger
        id={id}
        disabled={disabled}
        aria-haspopup="listbox"
        className={cn(
          fieldClasses,
          'flex h-8 items-center justify-between gap-2 px-2.5 text-left',
          className,
        )}
        {...aria}
      >
        <span className={cn('truncate', value === null && 'text-muted-foreground')}>
          {value === null ? placeholder : (chosen?.label ?? valueLabel ?? value)}
        </span>
        <ChevronsUpDown className="size-4 shrink-0 text-muted-foreground" aria-hidden />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={4}
          className="z-50 w-(--radix-popover-trigger-width) min-w-64 max-w-[calc(100vw-1rem)] overflow-hidden rounded-lg bg-popover text-popover-foreground shadow-overlay data-[state=open]:animate-in data-[state=open]:fade-in-0 data-[state=open]:zoom-in-95 duration-100"
        >
          <div className="flex items-center gap-2 border-b px-2.5">
            {isLoading ? (
              <LoaderCircle className="size-4 animate-spin text-muted-foreground" aria-hidden />
            ) : (
              <Search className="size-4 text-muted-foreground" aria-hidden />
            )}
            <input
              role="combobox"
              aria-label={searchPlaceholder}
              aria-expanded
              aria-controls={listId}
              aria-activedescendant={shown[active] ? `${listId}-${active}` : undefined}
              className="h-9 min-w-0 flex-1 bg-transparent outline-none placeholder:text-muted-foreground max-md:text-[16px] md:text-sm"
              placeholder={searchPlaceholder}
              value={text}
              onChange={(event) => search(event.target.value)}
              onKeyDown={onKeyDown}
            />
          </div>
          <div
            ref={list}
            id={listId}
            role="listbox"
            aria-label={searchPlaceholder}
            className="max-h-72 overflow-y-auto p-1"
          >
            {shown.map((option, index) => (
              // biome-ignore lint/a11y/useFocusableInteractive: focus stays in the search field, which names the active option
              // biome-ignore lint/a11y/useKeyWithClickEvents: the search field has the keys
              <div
                key={option.value}
                id={`${listId}-${index}`}
                role="option"
                aria-selected={option.value === value}
                aria-disabled={option.disabled || undefined}
                data-active={index === active}
                onClick={() => choose(option)}
                onMouseMove={() => setActive(index)}
                className="flex cursor-pointer items-start gap-2 rounded-md px-2 py-1.5 text-sm aria-disabled:cursor-not-allowed aria-disabled:opacity-50 data-[active=true]:bg-hover"
              >
                {option.icon}
                <span className="min-w-0 flex-1">
                  <span className="name block">{option.label}</span>
                  {option.description && (
                    <span className="block text-muted-foreground text-xs">{option.description}</span>
                  )}
                </span>
                {option.value === value && <Check className="mt-0.5 size-4 shrink-0" aria-hidden />}
              </div>
            ))}
          </div>
          {shown.length === 0 && (
            <p role="status" className="px-3 pb-4 text-center text-muted-foreground text-sm">
              {isLoading ? 'Searching …' : emptyText}
            </p>
          )}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
