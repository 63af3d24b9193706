import { ChevronDown } from 'lucide-react';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';
import { fieldClasses } from './input';
import type { Option } from './select';

interface NativeSelectProps extends Omit<ComponentProps<'select'>, 'onChange'> {
  value: string;
  onValueChange: (value: string) => void;
  options: readonly Pick<Option, 'value' | 'label' | 'disabled'>[];
}

/** The browser's own list: for filters and settings of a view, where nothing needs a second line or an icon. */
export function NativeSelect({ value, onValueChange, options, className, ...props }: NativeSelectProps) {
  return (
    <span className={cn('relative inline-flex', className)}>
      <select
        value={value}
        onChange={(event) => onValueChange(event.target.value)}
        className={cn(fieldClasses, 'h-8 cursor-pointer appearance-none truncate py-0 pr-8 pl-2.5')}
        {...props}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} disabled={option.disabled}>
            {option.label}
          </option>
        ))}
      </select>
      <ChevronDown
        className="pointer-events-none absolute top-2 right-2 size-4 text-muted-foreground"
        aria-hidden
      />
    </span>
  );
}
