'use client';

import type { ModelOut } from '@less-is-more/client';
import { CircleCheck, CircleX } from 'lucide-react';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { Skeleton } from '@/components/ui/skeleton';
import { Tooltip } from '@/components/ui/tooltip';
import { formatBytes, formatWords } from '@/lib/format';
import { METHODS, type MethodName, useFits } from './api';

const TITLES: Record<MethodName, { title: string; about: string }> = {
  qlora: { title: 'QLoRA', about: 'Small adapters on the model in 4 bits.' },
  lora: { title: 'LoRA', about: 'Small adapters on the model in full precision.' },
  full: { title: 'Full', about: 'Every weight of the model is trained.' },
};

/** Which class of devices can train a model, by method. */
export function FitsCard({ model }: { model: ModelOut }) {
  const fits = useFits(model);
  const devices = fits.find((query) => query.data)?.data?.devices;
  const error = fits.every((query) => query.isError) ? fits[0]?.error : null;
  const task = model.tasks?.[0];
  return (
    <Card>
      <CardHeader
        title="What it fits on"
        description={`Peak memory of a worker with the default settings${
          task ? ` for ${formatWords(task).toLowerCase()}` : ''
        }. The wizard estimates your own settings.`}
      />
      <CardContent>
        {model.status === 'retired' ? (
          <p className="text-muted-foreground text-sm">Retired models are not estimated.</p>
        ) : error ? (
          <ErrorState
            error={error}
            onRetry={() => fits.forEach((query) => void query.refetch())}
            className="py-6"
          />
        ) : !devices ? (
          <div aria-busy="true" className="grid gap-2">
            <p className="sr-only" role="status">
              Estimating
            </p>
            {[0, 1, 2, 3].map((n) => (
              <Skeleton key={n} className="h-9" />
            ))}
          </div>
        ) : (
          <table className="w-full text-sm">
            <thead>
              <tr className="border-b text-muted-foreground text-xs">
                <th scope="col" className="py-2 pr-2 text-left font-medium">
                  Device class
                </th>
                {METHODS.map((method) => (
                  <th key={method} scope="col" className="px-1 py-2 text-right font-medium sm:px-2">
                    <Tooltip content={TITLES[method].about}>
                      <button
                        type="button"
                        className="cursor-help rounded underline decoration-dotted underline-offset-4"
                      >
                        {TITLES[method].title}
                      </button>
                    </Tooltip>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {devices.map((device) => (
                <tr key={device.id} className="border-b last:border-b-0">
                  <th scope="row" className="py-2 pr-2 text-left font-normal">
                    {device.title}
                    <span className="block text-muted-foreground text-xs">
                      {formatBytes(device.usable_bytes)} for a worker
                    </span>
                  </th>
                  {METHODS.map((method, index) => {
                    const found = fits[index]?.data?.devices.find((each) => each.id === device.id);
                    return (
                      <td key={method} className="px-1 py-2 text-right sm:px-2">
                        {found ? (
                          <span className="tabular inline-flex items-center gap-1.5 whitespace-nowrap max-sm:flex-col-reverse max-sm:items-end max-sm:gap-0 max-sm:text-xs">
                            {formatBytes(found.peak_bytes)}
                            {found.fits ? (
                              <CircleCheck className="size-4 text-success-text" aria-label="fits" />
                            ) : (
                              <CircleX className="size-4 text-danger-text" aria-label="does not fit" />
                            )}
                          </span>
                        ) : fits[index]?.isPending ? (
                          <Skeleton className="ml-auto h-4 w-14" />
                        ) : (
                          <span title="This model cannot be trained with this method.">–</span>
                        )}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </CardContent>
    </Card>
  );
}
