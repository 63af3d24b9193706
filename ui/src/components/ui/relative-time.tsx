'use client';

import { useEffect, useState } from 'react';
import { cn } from '@/lib/cn';
import { formatDateTime, formatRelative } from '@/lib/format';

/** "5 minutes ago", kept up to date; the exact time on hover. */
export function RelativeTime({ time, className }: { time: string | null | undefined; className?: string }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 30_000);
    return () => clearInterval(timer);
  }, []);
  if (time == null) return <span className={className}>–</span>;
  return (
    <time dateTime={time} title={formatDateTime(time)} className={cn('whitespace-nowrap', className)}>
      {formatRelative(time)}
    </time>
  );
}
