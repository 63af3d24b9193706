'use client';

import type { ProjectOut } from '@less-is-more/client';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { toast } from '@/components/ui/toast';
import { useDeleteProject, useSaveProject } from '../api';
import { NameDialog } from './name-dialog';

interface ProjectDialogProps {
  /** Unset: a new one. */
  project?: ProjectOut;
  onClose: () => void;
  onSaved?: (project: ProjectOut) => void;
}

export function ProjectDialog({ project, onClose, onSaved }: ProjectDialogProps) {
  const save = useSaveProject(project?.id ?? null);
  return (
    <NameDialog
      title={project ? 'Edit project' : 'New project'}
      description={
        project ? undefined : 'A project keeps datasets, jobs, pipelines and adapters of one goal together.'
      }
      action={project ? 'Save changes' : 'Create project'}
      value={{ name: project?.name ?? '', description: project?.description ?? '', project_id: null }}
      namePlaceholder="Such as Clinic dictation"
      onClose={onClose}
      onSave={async ({ name, description }) => {
        const saved = await save.mutateAsync({ name, description });
        onSaved?.(saved);
      }}
    />
  );
}

export function DeleteProjectDialog({
  project,
  onClose,
  onDone,
}: {
  project: ProjectOut;
  onClose: () => void;
  onDone?: () => void;
}) {
  const remove = useDeleteProject();
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Delete “${project.name}”?`}
      description="Only the project is deleted. Its datasets, jobs, pipelines and adapters stay, without a project."
      action="Delete project"
      onConfirm={async () => {
        await remove(project.id);
        toast.success('Project deleted');
        onDone?.();
      }}
    />
  );
}
