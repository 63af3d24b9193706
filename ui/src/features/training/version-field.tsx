'use client';

import { FormField } from '@/components/ui/form-field';
import { Select } from '@/components/ui/select';
import { formatDate } from '@/lib/format';
import { useReadyVersions } from './api';
import type { Wizard } from './use-wizard';

const NEWEST = 'newest';

/** Which version of a dataset is learned from. */
export function VersionField({ wizard, id, newest }: { wizard: Wizard; id: string; newest: number }) {
  const versions = useReadyVersions(id);
  const { datasetVersion } = wizard.draft;
  return (
    <FormField
      label="Version"
      description="The newest has all corrections; an older one repeats an earlier training."
      error={wizard.faults.get('dataset_version')}
      className="max-w-xs"
    >
      <Select
        value={datasetVersion === null ? NEWEST : String(datasetVersion)}
        onValueChange={(value) => {
          wizard.change({ datasetVersion: value === NEWEST ? null : Number(value) });
          wizard.touched('dataset_version');
        }}
        options={[
          { value: NEWEST, label: `Newest (version ${newest})` },
          ...(versions.data?.items ?? []).map((version) => ({
            value: String(version.number),
            label: `Version ${version.number}`,
            description: formatDate(version.created_at),
          })),
        ]}
      />
    </FormField>
  );
}
