'use client';

import { Dialog } from '@/components/ui/dialog';
import { ErrorState } from '@/components/ui/error-state';
import { Skeleton } from '@/components/ui/skeleton';
import { useComparison } from '../api';
import { partsOf } from './usage';

interface CompareDialogProps {
  adapterId: string;
  a: number;
  b: number;
  onClose: () => void;
}

/** Every field in which two versions differ. */
export function CompareDialog({ adapterId, a, b, onClose }: CompareDialogProps) {
  const comparison = useComparison(adapterId, a, b);
  const parts = comparison.data ? partsOf(comparison.data.differences) : null;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Version ${a} and version ${b}`}
      description="What differs in figures, settings, data, base and files. The rest is the same."
      className="sm:max-w-3xl"
    >
      {comparison.error ? (
        <ErrorState error={comparison.error} onRetry={() => void comparison.refetch()} className="py-6" />
      ) : !parts ? (
        <div aria-busy>
          <Skeleton className="h-64 w-full" />
        </div>
      ) : parts.length === 0 ? (
        <p className="py-6 text-center text-muted-foreground text-sm">They are the same in everything.</p>
      ) : (
        <div className="grid gap-5">
          {parts.map((part) => (
            <table key={part.title} className="w-full table-fixed text-sm">
              <caption className="pb-1 text-left font-semibold">{part.title}</caption>
              <thead>
                <tr className="border-b text-muted-foreground text-xs">
                  <th scope="col" className="w-2/5 py-1.5 text-left font-medium">
                    Field
                  </th>
                  <th scope="col" className="py-1.5 pl-3 text-right font-medium">
                    Version {a}
                  </th>
                  <th scope="col" className="py-1.5 pl-3 text-right font-medium">
                    Version {b}
                  </th>
                </tr>
              </thead>
              <tbody>
                {part.rows.map((row) => (
                  <tr key={row.path} className="border-b align-top last:border-0">
                    <th scope="row" className="name py-1.5 text-left font-mono font-normal text-xs">
                      {row.path}
                    </th>
                    <td dir="auto" className="name tabular py-1.5 pl-3 text-right">
                      {row.a}
                    </td>
                    <td dir="auto" className="name tabular py-1.5 pl-3 text-right">
                      {row.b}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          ))}
        </div>
      )}
    </Dialog>
  );
}
