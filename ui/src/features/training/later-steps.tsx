'use client';

/** The steps behind the choice of a dataset, and the estimate: one piece that is loaded while the dataset is chosen. */

import { Dialog } from '@/components/ui/dialog';
import { EstimatePanel } from './estimate-panel';
import type { Wizard } from './use-wizard';

export { EstimateChip, EstimatePanel } from './estimate-panel';
export { ModelStep } from './model-step';
export { ParametersStep } from './parameters-step';
export { ReviewStep } from './review-step';

/** The estimate on screens without room beside the form. */
export function EstimateDialog({
  wizard,
  open,
  onOpenChange,
}: {
  wizard: Wizard;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Estimate">
      <EstimatePanel wizard={wizard} />
    </Dialog>
  );
}
