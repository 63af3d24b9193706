'use client';

import type { SweepOut } from '@less-is-more/client';
import { useMemo, useState } from 'react';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { NativeSelect } from '@/components/ui/native-select';
import { COSTS, standingOf, standingWords } from '../trials';
import { axesOf } from './axes';
import { HEIGHT, Plot, type Point } from './plot';

interface ParetoProps {
  sweep: SweepOut;
  primary: string;
  active: number | null;
  onActive: (trial: number | null) => void;
}

/** Quality against cost, or against a setting that was searched: each trial a dot. */
export function Pareto({ sweep, primary, active, onActive }: ParetoProps) {
  const [chosen, setChosen] = useState('peak_bytes');
  const axes = useMemo(() => axesOf(sweep), [sweep]);
  const axis = axes.find((each) => each.id === chosen) ?? axes[0];
  if (!axis) return null;
  const { cost } = axis;
  const points = sweep.trials.flatMap((trial): Point[] => {
    const x = axis.valueOf(trial);
    if (typeof trial.value !== 'number' || x === null) return [];
    const standing = cost === null ? null : standingOf(trial, cost, sweep, primary);
    const words = standing && cost !== null ? standingWords(standing, cost, trial.state) : null;
    return [{ trial, x, value: trial.value, standing, words }];
  });
  return (
    <Card>
      <CardHeader
        title={cost === null ? 'Quality by setting' : 'Quality against cost'}
        description={
          cost === null
            ? 'Where the dots form a valley or a hill, this setting decides.'
            : `On the line are the trials that no other one beats in both quality and ${COSTS.find(({ value }) => value === cost)?.noun}.`
        }
        className="flex-col sm:flex-row"
        actions={
          <NativeSelect
            aria-label="Plot against"
            value={axis.id}
            onValueChange={setChosen}
            options={axes.map(({ id, label }) => ({ value: id, label }))}
          />
        }
      />
      <CardContent>
        {points.length === 0 ? (
          <div
            className="grid place-content-center text-center text-muted-foreground text-sm"
            style={{ height: HEIGHT }}
          >
            The first dots appear when trials have been measured.
          </div>
        ) : (
          <>
            <Plot
              points={points}
              axis={axis}
              primary={primary}
              best={sweep.best?.number ?? null}
              active={active}
              onActive={onActive}
            />
            <Legend points={points} best={sweep.best?.number ?? null} hasFront={cost !== null} />
          </>
        )}
      </CardContent>
    </Card>
  );
}

/** Only what is in the plot. */
function Legend({
  points,
  best,
  hasFront,
}: {
  points: readonly Point[];
  best: number | null;
  hasFront: boolean;
}) {
  const has = (...kinds: string[]) =>
    points.some(({ standing }) => standing && kinds.includes(standing.kind));
  const isUnfinished = points.some(({ trial }) => trial.state !== 'finished');
  return (
    <ul className="mt-2 flex flex-wrap gap-x-5 gap-y-1 text-muted-foreground text-xs" aria-hidden>
      {hasFront && has('front', 'level') && (
        <li className="flex items-center gap-1.5">
          <span className="size-2.5 rounded-full bg-chart-1" />
          {has('level') ? 'On the front, or level with it' : 'On the front'}
        </li>
      )}
      {hasFront && has('beaten') && (
        <li className="flex items-center gap-1.5">
          <span className="size-2.5 rounded-full border-2 border-neutral" /> Another is as good, for less
        </li>
      )}
      {isUnfinished && (
        <li className="flex items-center gap-1.5">
          <span className="size-2.5 rounded-full border-2 border-neutral border-dashed" /> Not trained to its
          end
        </li>
      )}
      {points.some(({ trial }) => trial.number === best) && (
        <li className="flex items-center gap-1.5">
          <span className="size-3.5 rounded-full border-2 border-chart-1" /> Best trial
        </li>
      )}
    </ul>
  );
}
