'use client';

import { type DeviceOut, type EstimateOut, ProblemError } from '@less-is-more/client';
import { CircleCheck, CircleX, LoaderCircle, TriangleAlert } from 'lucide-react';
import { BarStack } from '@/components/charts/bar-stack';
import { Button } from '@/components/ui/button';
import { ErrorState } from '@/components/ui/error-state';
import { KeyValues } from '@/components/ui/key-values';
import { Skeleton } from '@/components/ui/skeleton';
import { cn } from '@/lib/cn';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMoney,
  formatNumber,
  formatPercent,
} from '@/lib/format';
import { barParts, costUnit, phaseLabel } from './estimate-words';
import { formatValue } from './schema-form/describe';
import { getAt, type Json, type JsonObject } from './schema-form/json';
import type { Node } from './schema-form/node';
import { changesOf, nodeAt, withChange } from './schema-form/values';
import type { Wizard } from './use-wizard';

/** What the run will need, kept current while settings change. */
export function EstimatePanel({ wizard }: { wizard: Wizard }) {
  const { estimate, isEstimateCurrent } = wizard;
  const isRefused = estimate.error instanceof ProblemError && estimate.error.status < 500;
  if (!estimate.data) {
    if (wizard.faults.size > 0 || isRefused) {
      return (
        <p className="text-muted-foreground text-sm">
          The estimate appears once the marked settings are corrected.
        </p>
      );
    }
    if (estimate.error) {
      return <ErrorState error={estimate.error} onRetry={() => void estimate.refetch()} className="py-6" />;
    }
    return (
      <div aria-busy="true" className="grid gap-3">
        <p className="sr-only" role="status">
          Estimating
        </p>
        <Skeleton className="h-3 rounded-full" />
        <Skeleton className="h-24" />
        <Skeleton className="h-32" />
      </div>
    );
  }
  return (
    <div
      className={cn('grid gap-5 transition-opacity', !isEstimateCurrent && 'opacity-60')}
      aria-busy={!isEstimateCurrent}
    >
      {(wizard.configFaults.size > 0 || isRefused) && (
        <p className="flex items-start gap-2 text-warning-text text-xs">
          <TriangleAlert className="mt-px size-3.5 shrink-0" aria-hidden /> From before the marked settings
          were changed.
        </p>
      )}
      <Memory estimate={estimate.data} />
      <Devices wizard={wizard} devices={estimate.data.devices} />
      <TimeAndCost estimate={estimate.data} wizard={wizard} />
    </div>
  );
}

function Heading({ children }: { children: string }) {
  return <h3 className="font-medium text-muted-foreground text-xs">{children}</h3>;
}

function Memory({ estimate: { memory } }: { estimate: EstimateOut }) {
  const phases = Object.entries(memory.phases) as [string, number][];
  const most = Math.max(...phases.map(([, bytes]) => bytes), 1);
  return (
    <section aria-label="Memory" className="grid gap-3">
      <Heading>Peak memory of a worker</Heading>
      <BarStack
        label={`Peak memory by part, ${phaseLabel(memory.phase).toLowerCase()}`}
        parts={barParts(memory.parts)}
      />
      <ul className="grid gap-1.5 border-t pt-3 text-xs" aria-label="Memory by phase">
        {phases.map(([phase, bytes]) => (
          <li key={phase} className="grid grid-cols-[8.5rem_1fr_auto] items-center gap-2">
            <span className={cn(phase === memory.phase && 'font-medium')}>
              {phaseLabel(phase)}
              {phase === memory.phase && <span className="sr-only">, the peak</span>}
            </span>
            <span aria-hidden className="h-1 rounded-full bg-muted">
              <span
                className={cn(
                  'block h-full rounded-full transition-[width] duration-300',
                  phase === memory.phase ? 'bg-primary' : 'bg-neutral',
                )}
                style={{ width: `${(bytes / most) * 100}%` }}
              />
            </span>
            <span className="tabular text-muted-foreground">{formatBytes(bytes)}</span>
          </li>
        ))}
      </ul>
      {memory.measured_peak_bytes !== null && (
        <p className="text-muted-foreground text-xs">
          Earlier runs like this one peaked at {formatBytes(memory.measured_peak_bytes)}.
        </p>
      )}
      {!memory.sizes_known && (
        <p className="text-muted-foreground text-xs">
          The model has not been loaded here yet: sizes are those of the published model nearest to it.
        </p>
      )}
    </section>
  );
}

function Devices({ wizard, devices }: { wizard: Wizard; devices: readonly DeviceOut[] }) {
  const unit = wizard.estimate.data?.time.cost_unit === 'audio_s' ? 's of audio' : '';
  return (
    <section aria-label="Device classes" className="grid gap-2">
      <Heading>Where it fits</Heading>
      <ul className="grid gap-2.5 text-sm">
        {devices.map((device) => (
          <li key={device.id} className="grid grid-cols-[auto_1fr] gap-x-2">
            {device.fits ? (
              <CircleCheck className="mt-0.5 size-4 text-success-text" aria-label="Fits" />
            ) : (
              <CircleX className="mt-0.5 size-4 text-danger-text" aria-label="Does not fit" />
            )}
            <div className="min-w-0">
              <p className="flex flex-wrap justify-between gap-x-2">
                <span className="font-medium">{device.title}</span>
                <span className="tabular text-muted-foreground text-xs leading-5">
                  {formatBytes(device.peak_bytes)} of {formatBytes(device.usable_bytes)}
                </span>
              </p>
              {device.fits ? (
                <p className="tabular text-muted-foreground text-xs">
                  Largest micro-batch: {formatNumber(device.largest_micro_batch_cost)} {unit}
                </p>
              ) : (
                <Cure wizard={wizard} device={device} />
              )}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The least harmful change that makes a run fit, with a button that makes it. */
function Cure({ wizard, device }: { wizard: Wizard; device: DeviceOut }) {
  const [change, ...others] = device.changes;
  const root = wizard.form.data?.root;
  const { config } = wizard.draft;
  if (!change) {
    return (
      <p className="text-muted-foreground text-xs">
        No single change makes it fit. Choose a smaller model, or change several settings.
      </p>
    );
  }
  if (!root || !config) return null;
  const apply = (path: string, value: Json) =>
    wizard.setConfig(withChange(root, config, path, value) as JsonObject, path);
  return (
    <div className="mt-0.5 grid gap-1">
      {[change, ...others.slice(0, 1)].map(({ path, value, peak_bytes }, index) => {
        const words = changeWords(root, config, path, value as Json);
        return (
          <div key={path} className="flex items-center justify-between gap-2 text-xs">
            <p className="min-w-0">
              {index > 0 && <span className="text-muted-foreground">or </span>}
              {words.title}: <span className="font-medium">{words.value}</span>{' '}
              <span className="tabular text-muted-foreground">({formatBytes(peak_bytes)})</span>
            </p>
            <Button
              size="sm"
              className="h-6 px-2 text-xs"
              aria-label={`Apply ${words.title}: ${words.value}, for ${device.title}`}
              onClick={() => apply(path, value as Json)}
            >
              Apply
            </Button>
          </div>
        );
      })}
    </div>
  );
}

/** A change as the form names it: Optimizer: AdamW 8-bit. */
export function changeWords(
  root: Node,
  config: JsonObject,
  path: string,
  value: Json,
): { title: string; value: string } {
  const next = withChange(root, config, path, value);
  const [changed] = changesOf(root, next, config);
  if (!changed) return { title: path, value: String(value) };
  const node = nodeAt(root, next, changed.path) ?? changed.node;
  return { title: node.title, value: formatValue(node, getAt(next, changed.path)) };
}

function TimeAndCost({
  estimate: { time, cost, memory },
  wizard,
}: {
  estimate: EstimateOut;
  wizard: Wizard;
}) {
  const parameters = wizard.model.data?.parameters;
  return (
    <section aria-label="Time and cost" className="grid gap-2 border-t pt-4">
      <Heading>Time and cost</Heading>
      <KeyValues
        items={[
          ['Time', time.wall_s === null ? 'Unknown' : `about ${formatDuration(time.wall_s)}`],
          ['Cost', cost.amount === null ? 'Unknown' : `about ${formatMoney(cost.amount, cost.currency)}`],
          ['Steps', time.steps === null ? 'Unknown' : formatCount(time.steps)],
          [
            'Trains on',
            time.cost === null
              ? null
              : time.cost_unit === 'audio_s'
                ? `${formatDuration(time.cost)} of audio`
                : `${formatCount(time.cost)} ${costUnit(time.cost_unit)}`,
          ],
          [
            'Trained weights',
            `${formatCount(memory.trainable_parameters)}${
              parameters ? ` (${formatPercent(memory.trainable_parameters / parameters)})` : ''
            }`,
          ],
        ]}
        className="grid-cols-[auto_1fr] gap-y-1"
      />
      {[time.reason, time.wall_s !== null ? cost.reason : null]
        .filter((reason) => reason != null)
        .map((reason) => (
          <p key={reason} className="text-muted-foreground text-xs first-letter:uppercase">
            {reason}.
          </p>
        ))}
      {time.wall_s !== null && (
        <p className="text-muted-foreground text-xs">
          From {formatCount(time.measured_jobs)} earlier {time.measured_jobs === 1 ? 'run' : 'runs'} of this
          kind here.
        </p>
      )}
    </section>
  );
}

/** The estimate in one line, for the bar at the lower edge of a phone. */
export function EstimateChip({ wizard, onOpen }: { wizard: Wizard; onOpen: () => void }) {
  const { estimate, isEstimateCurrent } = wizard;
  if (!estimate.data) return null;
  const { devices, memory } = estimate.data;
  const fitting = devices.filter((device) => device.fits).length;
  return (
    <Button variant="ghost" onClick={onOpen} className="min-w-0 px-2">
      {isEstimateCurrent ? (
        fitting > 0 ? (
          <CircleCheck className="text-success-text" aria-hidden />
        ) : (
          <CircleX className="text-danger-text" aria-hidden />
        )
      ) : (
        <LoaderCircle className="animate-spin" aria-hidden />
      )}
      <span className="sr-only">Estimate: </span>
      <span className="tabular truncate">{formatBytes(memory.peak_bytes)}</span>
    </Button>
  );
}
