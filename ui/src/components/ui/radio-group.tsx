import { RadioGroup as Primitive } from 'radix-ui';
import type { ComponentProps, ReactNode } from 'react';
import { cn } from '@/lib/cn';

export function RadioGroup({ className, ...props }: ComponentProps<typeof Primitive.Root>) {
  return <Primitive.Root className={cn('grid gap-2', className)} {...props} />;
}

interface RadioCardProps extends Omit<ComponentProps<typeof Primitive.Item>, 'title'> {
  title: ReactNode;
  description?: ReactNode;
  icon?: ReactNode;
  /** Set at the right edge: a badge, a size. */
  aside?: ReactNode;
}

/** An option as a card: for choices that need a sentence. */
export function RadioCard({ title, description, icon, aside, className, ...props }: RadioCardProps) {
  return (
    <Primitive.Item
      className={cn(
        'group flex w-full items-start gap-3 rounded-lg border bg-card p-3 text-left transition-colors hover:border-border-strong disabled:opacity-50 data-[state=checked]:border-primary data-[state=checked]:bg-primary-soft',
        className,
      )}
      {...props}
    >
      <span className="mt-0.5 flex size-4 shrink-0 items-center justify-center rounded-full border border-input bg-card group-data-[state=checked]:border-primary group-data-[state=checked]:bg-primary">
        <Primitive.Indicator className="size-1.5 rounded-full bg-primary-foreground" />
      </span>
      {icon && <span className="text-muted-foreground [&_svg]:size-5">{icon}</span>}
      <span className="min-w-0 flex-1">
        <span className="name block font-medium text-sm">{title}</span>
        {description && (
          <span className="name mt-0.5 block text-muted-foreground text-sm">{description}</span>
        )}
      </span>
      {aside}
    </Primitive.Item>
  );
}
