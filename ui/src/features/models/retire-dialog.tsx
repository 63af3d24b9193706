'use client';

import type { ModelOut } from '@less-is-more/client';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { toast } from '@/components/ui/toast';
import { useModelStatus } from './api';

/** Take a model out of use. Models are never erased: what was trained on them names them. */
export function RetireDialog({ model, onClose }: { model: ModelOut; onClose: () => void }) {
  const status = useModelStatus();
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Delete ${model.title} from the catalogue?`}
      description="It is retired: no new training can use it. Running trainings, and adapters that were trained on it, keep working. You can restore it."
      action="Delete model"
      onConfirm={async () => {
        await status.mutateAsync({ id: model.id, status: 'retired' });
        toast.success('Model retired', {
          description: model.title,
          action: { label: 'Undo', onClick: () => restore() },
        });
      }}
    />
  );

  function restore() {
    status.mutate({ id: model.id, status: 'active' }, { onError: toast.error });
  }
}
