'use client';

import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { formatCount, formatPercent } from '@/lib/format';

export interface Share {
  name: string;
  /** In words, if the name is a code. */
  label?: string;
  count: number;
  tone?: string;
}

interface SharesProps {
  title: string;
  description?: string;
  shares: readonly Share[];
  /** Shows the items of a share. */
  onShow?: (name: string) => void;
}

const FIRST = 8;

/** How items are spread over classes, speakers, parts or formats: a bar for each, the largest first. */
export function Shares({ title, description, shares, onShow }: SharesProps) {
  const [all, setAll] = useState(false);
  const total = shares.reduce((sum, share) => sum + share.count, 0);
  const largest = Math.max(1, ...shares.map((share) => share.count));
  const shown = all ? shares : shares.slice(0, FIRST);
  return (
    <Card>
      <CardHeader title={title} {...(description ? { description } : {})} />
      <CardContent>
        <ul className={all ? 'grid max-h-96 gap-2 overflow-y-auto pr-1' : 'grid gap-2'}>
          {shown.map(({ name, label, count, tone }) => (
            <li key={name} className="text-sm">
              <div className="flex items-baseline justify-between gap-3">
                {onShow ? (
                  <button
                    type="button"
                    onClick={() => onShow(name)}
                    dir="auto"
                    className="min-w-0 truncate rounded hover:underline"
                    title={`Show the items: ${name}`}
                  >
                    {label ?? name}
                  </button>
                ) : (
                  <span className="min-w-0 truncate" dir="auto" title={name}>
                    {label ?? name}
                  </span>
                )}
                <span className="tabular shrink-0 text-muted-foreground text-xs">
                  {formatCount(count)} · {formatPercent(total > 0 ? count / total : 0, 0)}
                </span>
              </div>
              <div className="mt-1 h-1.5 overflow-hidden rounded-full bg-muted" aria-hidden>
                <div
                  className="h-full min-w-0.5 rounded-full"
                  style={{ width: `${(count / largest) * 100}%`, background: tone ?? 'var(--chart-1)' }}
                />
              </div>
            </li>
          ))}
        </ul>
        {shares.length > FIRST && (
          <Button variant="link" size="inline" className="mt-3 text-sm" onClick={() => setAll(!all)}>
            {all ? 'Show fewer' : `Show all ${formatCount(shares.length)}`}
          </Button>
        )}
      </CardContent>
    </Card>
  );
}

/** A table of counts as shares, the largest first. */
export function sharesOf(counts: Record<string, number> | undefined): Share[] {
  return Object.entries(counts ?? {})
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => b.count - a.count);
}
