'use client';

import type { PipelineOut } from '@less-is-more/client';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { toast } from '@/components/ui/toast';
import { usePipelineActions } from './api';

interface DialogProps {
  pipeline: PipelineOut;
  onClose: () => void;
  onDone?: () => void;
}

export function StopPipelineDialog({ pipeline, onClose }: DialogProps) {
  const { stop } = usePipelineActions();
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Stop “${pipeline.name}”?`}
      description="Jobs that run save a checkpoint first, and no further stage begins. Resume continues exactly there."
      action="Stop pipeline"
      danger={false}
      onConfirm={() => stop(pipeline.id)}
    />
  );
}

export function DeletePipelineDialog({ pipeline, onClose, onDone }: DialogProps) {
  const { remove } = usePipelineActions();
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Delete “${pipeline.name}”?`}
      description="The pipeline and its record of stages are deleted. Its jobs, their files and the adapters that it made stay."
      action="Delete pipeline"
      onConfirm={async () => {
        await remove(pipeline.id);
        toast.success('Pipeline deleted');
        onDone?.();
      }}
    />
  );
}

/** Resumes a pipeline and says so. */
export function useResumePipeline(): (pipeline: PipelineOut) => Promise<void> {
  const { resume } = usePipelineActions();
  return async (pipeline) => {
    try {
      await resume(pipeline.id);
      toast.success('Resumed', {
        description: 'What has succeeded stays; the other stages are tried again.',
      });
    } catch (error) {
      toast.error(error);
    }
  };
}
