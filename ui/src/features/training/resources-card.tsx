'use client';

import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { FormField } from '@/components/ui/form-field';
import { Select } from '@/components/ui/select';
import { formatBytes, plural } from '@/lib/format';
import { useNodes } from './api';
import type { Draft } from './draft';
import { NumberInput } from './schema-form/controls';
import type { Wizard } from './use-wizard';

/** The label of Ray nodes that names their device class. */
const CLASS_LABEL = 'lim/device-class';
const ANY = 'any';

/** Where it runs: how many workers, of which class of devices, with what. */
export function ResourcesCard({ wizard }: { wizard: Wizard }) {
  const nodes = useNodes();
  const [isOpen, setOpen] = useState(false);
  const { resources } = wizard.draft;
  const set = (changes: Partial<Draft['resources']>) => {
    wizard.change({ resources: { ...resources, ...changes } });
    for (const name of Object.keys(changes)) wizard.touched(`resources.${name}`);
  };
  const fault = (name: string) =>
    [...wizard.faults].find(
      ([path]) => path === `resources.${name}` || path.startsWith(`resources.${name}.`),
    )?.[1];
  const present = nodes.data?.items ?? [];
  const count = (id: string) => present.filter((node) => node.device_class === id).length;
  const devices = wizard.estimate.data?.devices ?? [];
  const chosen = resources.label_selector[CLASS_LABEL] ?? ANY;
  const hasGpus = present.some((node) => (node.resources.GPU ?? 0) > 0) || resources.gpus_per_worker > 0;
  const reserved = wizard.estimate.data?.memory.reserved_bytes;
  return (
    <Card>
      <CardHeader
        title="Resources"
        description="More workers finish sooner with the same result: the batch does not change with their number."
      />
      <CardContent className="grid gap-4 sm:grid-cols-2">
        <FormField label="Workers" error={fault('num_workers')}>
          <NumberInput
            value={resources.num_workers}
            onChange={(value) => set({ num_workers: value as number })}
          />
        </FormField>
        <FormField
          label="Device class"
          description={
            chosen !== ANY && count(chosen) === 0
              ? 'No node of this class is here now: the job would wait.'
              : undefined
          }
          error={fault('label_selector')}
        >
          <Select
            value={chosen}
            onValueChange={(value) => {
              const { [CLASS_LABEL]: _, ...others } = resources.label_selector;
              set({ label_selector: value === ANY ? others : { ...others, [CLASS_LABEL]: value } });
            }}
            options={[
              { value: ANY, label: 'Any', description: `${plural(present.length, 'node')} in the cluster` },
              ...devices.map((device) => ({
                value: device.id,
                label: device.title,
                description: `${device.fits ? 'Fits' : 'Does not fit'} · ${
                  count(device.id) > 0 ? plural(count(device.id), 'node') : 'no node now'
                }`,
              })),
            ]}
          />
        </FormField>
        <FormField label="CPUs of each worker" error={fault('cpus_per_worker')}>
          <NumberInput
            value={resources.cpus_per_worker}
            onChange={(value) => set({ cpus_per_worker: value as number })}
          />
        </FormField>
        {hasGpus && (
          <FormField label="GPUs of each worker" error={fault('gpus_per_worker')}>
            <NumberInput
              value={resources.gpus_per_worker}
              onChange={(value) => set({ gpus_per_worker: value as number })}
            />
          </FormField>
        )}
        {isOpen && (
          <>
            <FormField
              label="Memory of each worker"
              optional
              aside="bytes"
              description={
                reserved == null
                  ? 'Unset: nothing is reserved.'
                  : `Unset: what the estimate needs and 15 %, ${formatBytes(reserved)} now.`
              }
              error={fault('memory_bytes_per_worker')}
            >
              <NumberInput
                value={resources.memory_bytes_per_worker}
                isNullable
                onChange={(value) => set({ memory_bytes_per_worker: value as number | null })}
              />
            </FormField>
            <FormField
              label="Threads of each worker"
              optional
              description="Unset: as many as its CPUs."
              error={fault('threads_per_worker')}
            >
              <NumberInput
                value={resources.threads_per_worker}
                isNullable
                onChange={(value) => set({ threads_per_worker: value as number | null })}
              />
            </FormField>
            <FormField
              label="Restarts"
              description="How often dead workers restart from the newest checkpoint."
              error={fault('max_failures')}
            >
              <NumberInput
                value={resources.max_failures}
                onChange={(value) => set({ max_failures: value as number })}
              />
            </FormField>
          </>
        )}
        <div className="sm:col-span-2">
          <Button
            variant="ghost"
            size="sm"
            aria-expanded={isOpen}
            onClick={() => setOpen(!isOpen)}
            className="-ml-2.5"
          >
            {isOpen ? 'Fewer settings' : 'Memory, threads and restarts'}
          </Button>
        </div>
      </CardContent>
    </Card>
  );
}
