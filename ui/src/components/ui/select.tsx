import { Check, ChevronDown } from 'lucide-react';
import { Select as Primitive } from 'radix-ui';
import type { ComponentProps, ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { fieldClasses } from './input';

export interface Option {
  value: string;
  label: string;
  /** A second line in the open list. */
  description?: string;
  icon?: ReactNode;
  disabled?: boolean;
}

interface SelectProps extends Omit<ComponentProps<typeof Primitive.Trigger>, 'onChange' | 'value'> {
  value: string;
  onValueChange: (value: string) => void;
  options: readonly Option[];
  placeholder?: string;
}

/** One of a few options. For many, or for a search on the server: Combobox. Values must not be empty. */
export function Select({
  value,
  onValueChange,
  options,
  placeholder,
  className,
  disabled,
  ...props
}: SelectProps) {
  return (
    <Primitive.Root value={value} onValueChange={onValueChange} {...(disabled ? { disabled } : {})}>
      <Primitive.Trigger
        className={cn(
          fieldClasses,
          'flex h-8 items-center justify-between gap-2 px-2.5 text-left data-placeholder:text-muted-foreground [&>span]:truncate',
          className,
        )}
        {...props}
      >
        <Primitive.Value placeholder={placeholder ?? 'Choose …'} />
        <Primitive.Icon asChild>
          <ChevronDown className="size-4 shrink-0 text-muted-foreground" aria-hidden />
        </Primitive.Icon>
      </Primitive.Trigger>
      <Primitive.Portal>
        <Primitive.Content
          position="popper"
          sideOffset={4}
          className="z-50 max-h-(--radix-select-content-available-height) min-w-(--radix-select-trigger-width) max-w-[min(28rem,calc(100vw-1rem))] overflow-hidden rounded-lg bg-popover text-popover-foreground shadow-overlay data-[state=open]:animate-in data-[state=open]:fade-in-0 data-[state=open]:zoom-in-95 duration-100"
        >
          <Primitive.Viewport className="p-1">
            {options.map((option) => (
              <Primitive.Item
                key={option.value}
                value={option.value}
                {...(option.disabled ? { disabled: true } : {})}
                className="relative flex select-none items-start gap-2 rounded-md py-1.5 pr-8 pl-2 text-sm outline-none data-disabled:opacity-50 data-highlighted:bg-hover"
              >
                {option.icon}
                <span className="min-w-0">
                  <Primitive.ItemText>{option.label}</Primitive.ItemText>
                  {option.description && (
                    <span className="block text-muted-foreground text-xs">{option.description}</span>
                  )}
                </span>
                <Primitive.ItemIndicator className="absolute top-2 right-2">
                  <Check className="size-4" aria-hidden />
                </Primitive.ItemIndicator>
              </Primitive.Item>
            ))}
          </Primitive.Viewport>
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
