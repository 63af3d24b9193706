import type { LucideIcon } from 'lucide-react';
import Link from 'next/link';
import { CountUp } from '@/components/ui/count-up';
import { Skeleton } from '@/components/ui/skeleton';

interface StatCardProps {
  label: string;
  /** Undefined: it loads; null: unknown. */
  value: number | null | undefined;
  format?: (value: number) => string;
  note?: string;
  icon: LucideIcon;
  href: string;
}

/** A number that leads to what it counts; the card lifts under the pointer. */
export function StatCard({ label, value, format, note, icon: Icon, href }: StatCardProps) {
  return (
    <Link
      href={href}
      prefetch={false}
      className="group block rounded-lg border bg-card px-4 py-3.5 transition-[transform,box-shadow] duration-200 hover:-translate-y-0.5 hover:shadow-lift motion-reduce:hover:translate-y-0"
    >
      <span className="flex items-center justify-between gap-2 text-muted-foreground text-sm">
        {label}
        <Icon className="size-4" aria-hidden />
      </span>
      <span className="mt-1 block font-semibold text-3xl tracking-tight">
        {value === undefined ? (
          <Skeleton className="h-8 w-14" />
        ) : value === null ? (
          '–'
        ) : (
          <CountUp value={value} {...(format && { format })} />
        )}
      </span>
      <span className="mt-0.5 block min-h-4 text-muted-foreground text-xs">{note}</span>
    </Link>
  );
}
