'use client';

import { Select } from '@/components/ui/select';
import { useProjects } from '../api';

const NO_PROJECT = '-';

interface ProjectSelectProps {
  id?: string;
  value: string | null;
  onValueChange: (value: string | null) => void;
  'aria-invalid'?: boolean;
  'aria-describedby'?: string;
}

/** One of the caller's projects, or none. */
export function ProjectSelect({ value, onValueChange, ...props }: ProjectSelectProps) {
  const { data: projects = [] } = useProjects();
  return (
    <Select
      value={value ?? NO_PROJECT}
      onValueChange={(next) => onValueChange(next === NO_PROJECT ? null : next)}
      options={[
        { value: NO_PROJECT, label: 'No project' },
        ...projects.map((project) => ({ value: project.id, label: project.name })),
      ]}
      {...props}
    />
  );
}
