'use client';

import { useState } from 'react';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { Select } from '@/components/ui/select';
import { cn } from '@/lib/cn';
import { formatCount, formatNumber, plural } from '@/lib/format';
import type { Histogram as Data } from '../types';
import { histogramBars } from './histogram-bars';

const TITLES: Record<string, string> = {
  duration: 'Duration',
  'level of speech': 'Loudness of speech',
  'level of sound': 'Loudness',
  'signal to noise': 'Speech above noise',
  'speech rate': 'Speech rate',
};
const QUANTILES: [string, string][] = [
  ['p5', '5 % are below'],
  ['p50', 'half are below'],
  ['p95', '95 % are below'],
];

const titleOf = ({ name, unit }: Data) =>
  `${TITLES[name] ?? name.charAt(0).toUpperCase() + name.slice(1)} in ${unit === 's' ? 'seconds' : unit}`;

/** How a measure is distributed over the items: duration, loudness, noise, rate of speech. */
export function Histograms({ histograms }: { histograms: readonly Data[] }) {
  const shown = histograms.filter((each) => each.counts.some((count) => count > 0));
  const [chosen, setChosen] = useState(0);
  const data = shown[chosen];
  if (!data) return null;
  return (
    <Card>
      <CardHeader
        title="Distribution"
        actions={
          <Select
            aria-label="Measure"
            className="w-auto max-w-56"
            value={String(chosen)}
            onValueChange={(value) => setChosen(Number(value))}
            options={shown.map((each, index) => ({ value: String(index), label: titleOf(each) }))}
          />
        }
      />
      <CardContent>
        <Bars data={data} />
      </CardContent>
    </Card>
  );
}

function Bars({ data }: { data: Data }) {
  const [active, setActive] = useState<number | null>(null);
  const bars = histogramBars(data);
  const bar = active === null ? null : bars[active];
  const unit =
    data.unit === 's' ? 's' : data.unit === 'dB of full scale' ? 'dBFS' : data.unit === 'dB' ? 'dB' : '';
  const total = data.counts.reduce((sum, count) => sum + count, 0);
  const label = `${titleOf(data)}: ${plural(total, 'item')} from ${formatNumber(bars[0]?.from, 3)} to ${formatNumber(bars.at(-1)?.to, 3)} ${unit}; half are below ${formatNumber(data.quantiles.p50, 3)}`;
  return (
    <figure>
      <div
        role="img"
        aria-label={label}
        className="flex h-36 items-end gap-px border-b"
        onMouseMove={({ clientX, currentTarget }) => {
          const { left, width } = currentTarget.getBoundingClientRect();
          setActive(Math.min(bars.length - 1, Math.floor(((clientX - left) / width) * bars.length)));
        }}
        onMouseLeave={() => setActive(null)}
      >
        {bars.map(({ from, count, share }, index) => (
          <div key={from} className="flex h-full min-w-0 flex-1 items-end">
            <div
              className={cn('w-full rounded-t-[3px]', index === active ? 'bg-chart-1' : 'bg-chart-1/75')}
              style={{ height: count === 0 ? 0 : `max(2px, ${share * 100}%)` }}
            />
          </div>
        ))}
      </div>
      <div className="tabular mt-1 flex justify-between text-2xs text-muted-foreground" aria-hidden>
        <span>
          {formatNumber(bars[0]?.from, 2)} {unit}
        </span>
        <span className="text-foreground">
          {bar &&
            `${formatNumber(bar.from, 3)} to ${formatNumber(bar.to, 3)} ${unit}: ${plural(bar.count, 'item')}`}
        </span>
        <span>
          {formatNumber(bars.at(-1)?.to, 2)} {unit}
        </span>
      </div>
      <dl className="tabular mt-3 grid grid-cols-3 gap-3 text-sm">
        {QUANTILES.map(([name, words]) => (
          <div key={name}>
            <dt className="text-muted-foreground text-xs">{words}</dt>
            <dd>
              {formatNumber(data.quantiles[name], 3)} {unit}
            </dd>
          </div>
        ))}
      </dl>
      <p className="sr-only">{formatCount(total)} items</p>
    </figure>
  );
}
