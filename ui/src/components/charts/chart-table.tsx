'use client';

import { Table2 } from 'lucide-react';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import type { Series } from './series';

interface ChartTableProps {
  label: string;
  series: readonly Series[];
  xLabel: string;
  xFormat: (value: number) => string;
  yFormat: (value: number) => string;
}

const MOST_ROWS = 200;

/** The values of a chart as a table: what a screen reader reads, and what one copies into a paper. */
export function ChartTable({ label, series, xLabel, xFormat, yFormat }: ChartTableProps) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={`${label}: show as table`}
        onClick={() => setOpen(true)}
      >
        <Table2 aria-hidden />
      </Button>
      {open && (
        <Dialog open onOpenChange={setOpen} title={label} className="sm:max-w-2xl">
          <ValueTable label={label} series={series} xLabel={xLabel} xFormat={xFormat} yFormat={yFormat} />
        </Dialog>
      )}
    </>
  );
}

function ValueTable({ label, series, xLabel, xFormat, yFormat }: ChartTableProps) {
  const all = [...new Set(series.flatMap((one) => [...one.x]))].sort((a, b) => a - b);
  const every = Math.ceil(all.length / MOST_ROWS);
  const rows = all.filter((_, index) => index % every === 0 || index === all.length - 1);
  const columns = series.map((one) => new Map(one.x.map((x, index) => [x, one.y[index] ?? null])));
  return (
    <>
      {every > 1 && (
        <p className="mb-2 text-muted-foreground text-sm">
          {rows.length} of {all.length} rows, evenly spread.
        </p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="overflow-auto rounded-lg border" tabIndex={0} aria-label={label}>
        <table className="w-full text-sm">
          <thead>
            <tr className="border-b bg-muted text-left">
              <th scope="col" className="px-3 py-1.5 font-medium">
                {xLabel}
              </th>
              {series.map((one) => (
                <th key={one.name} scope="col" className="name px-3 py-1.5 text-right font-medium">
                  {one.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((x) => (
              <tr key={x} className="border-b last:border-0">
                <th scope="row" className="px-3 py-1 text-left font-normal text-muted-foreground">
                  {xFormat(x)}
                </th>
                {columns.map((column, index) => {
                  const value = column.get(x);
                  return (
                    <td key={series[index]?.name} className="px-3 py-1 text-right">
                      {value === null || value === undefined ? '' : yFormat(value)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
