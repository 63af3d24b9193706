'use client';

import { ChevronRight, Copy, Download } from 'lucide-react';
import Link from 'next/link';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Card, CardHeader } from '@/components/ui/card';
import { CodeBlock } from '@/components/ui/code-block';
import { ErrorState } from '@/components/ui/error-state';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { toast } from '@/components/ui/toast';
import { cn } from '@/lib/cn';
import { formatWords, plural } from '@/lib/format';
import { useStoredState } from '@/lib/stored-state';
import { writeYaml } from '@/lib/yaml';
import { saveBlob, useTrainingSchema } from '../api';
import type { Job } from '../contract';
import { configOf, type Fields, fieldsOf, wholeConfigOf } from '../model/job';
import { differencesFrom, leavesOf, shownLeaf } from './tree';

type View = 'changed' | 'tree' | 'yaml';

/** The config that the job ran with, defaults included: what differs from the defaults, all of it, or as YAML. */
export function ConfigTab({ job }: { job: Job }) {
  const config = configOf(job);
  const hasTraining = Object.keys(config).length > 0;
  const whole = useMemo(() => wholeConfigOf(job), [job]);
  const [view, setView] = useStoredState<View>('config.view', 'changed');
  const shown = hasTraining ? view : view === 'changed' ? 'tree' : view;
  return (
    <section aria-label="Config" className="grid grid-cols-[minmax(0,1fr)] gap-4">
      <div className="flex flex-wrap items-center gap-2">
        <Segmented<View>
          label="View"
          value={shown}
          onValueChange={setView}
          options={[
            ...(hasTraining ? [{ value: 'changed' as const, label: 'Changed' }] : []),
            { value: 'tree', label: 'Everything' },
            { value: 'yaml', label: 'YAML' },
          ]}
        />
        <p className="text-muted-foreground text-xs max-sm:w-full">
          The job’s own config, as it ran; defaults that were changed since do not show here.
        </p>
        <div className="ml-auto flex gap-2">
          <Button onClick={() => void saveYaml(whole, job.name).catch(toast.error)}>
            <Download aria-hidden /> YAML
          </Button>
          {job.type === 'training' && (
            <Button asChild variant="primary">
              <Link href={`/jobs/new?from=${job.id}`} prefetch={false}>
                <Copy aria-hidden /> Clone
              </Link>
            </Button>
          )}
        </div>
      </div>
      {shown === 'yaml' ? (
        <Yaml fields={whole} name={job.name} />
      ) : shown === 'tree' ? (
        <Tree fields={whole} />
      ) : (
        <Changed config={config} />
      )}
    </section>
  );
}

function Yaml({ fields, name }: { fields: Fields; name: string }) {
  const [text, setText] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const load = useCallback(() => {
    setError(null);
    writeYaml(fields).then(setText, setError);
  }, [fields]);
  useEffect(load, [load]);
  if (error !== null) return <ErrorState error={error} onRetry={load} />;
  if (text === null) return <Skeleton className="h-64 w-full rounded-lg" />;
  return <CodeBlock code={text} title={`${name}.yaml`} />;
}

async function saveYaml(fields: Fields, name: string): Promise<void> {
  saveBlob(new Blob([await writeYaml(fields)], { type: 'text/yaml' }), `${name}.yaml`);
}

function Changed({ config }: { config: Fields }) {
  const schema = useTrainingSchema(true);
  const differences = useMemo(
    () => (schema.data ? differencesFrom(schema.data, config) : []),
    [schema.data, config],
  );
  if (schema.isPending) return <Skeleton className="h-64 w-full rounded-lg" />;
  if (schema.error) return <ErrorState error={schema.error} onRetry={() => void schema.refetch()} />;
  return (
    <Card>
      <CardHeader
        title="Differences from the defaults"
        description={
          differences.length === 0
            ? 'None: this job ran with the default of every setting.'
            : `${plural(differences.length, 'setting')}; everything else is the default.`
        }
      />
      {differences.length > 0 && (
        <div className="overflow-x-auto px-1 pb-2">
          <table className="w-full text-sm">
            <thead>
              <tr className="text-muted-foreground text-xs">
                <th scope="col" className="px-3 py-1.5 text-left font-medium">
                  Setting
                </th>
                <th scope="col" className="px-3 py-1.5 text-left font-medium">
                  This job
                </th>
                <th scope="col" className="px-3 py-1.5 text-left font-medium">
                  Default
                </th>
              </tr>
            </thead>
            <tbody>
              {differences.map(({ path, value, usual }) => (
                <tr key={path} className="border-t">
                  <th scope="row" className="name px-3 py-1.5 text-left font-mono font-normal text-xs">
                    {path}
                  </th>
                  <td className="name px-3 py-1.5 font-medium">{shownLeaf(value)}</td>
                  <td className="name px-3 py-1.5 text-muted-foreground">{shownLeaf(usual)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

/** A config by its sections, each to open and close. */
function Tree({ fields }: { fields: Fields }) {
  const entries = Object.entries(fields);
  const sections = entries.filter(([, value]) => Object.keys(fieldsOf(value)).length > 0);
  const leaves = entries.filter(([, value]) => Object.keys(fieldsOf(value)).length === 0);
  return (
    <div className="overflow-hidden rounded-lg border bg-card">
      {leaves.length > 0 && <Section name="general" leaves={leaves} />}
      {sections.map(([name, value]) => (
        <Section key={name} name={name} leaves={leavesOf(value)} type={fieldsOf(value).type} />
      ))}
    </div>
  );
}

function Section({
  name,
  leaves,
  type,
}: {
  name: string;
  leaves: readonly [string, unknown][];
  type?: unknown;
}) {
  const [isOpen, setOpen] = useState(leaves.length <= 12);
  return (
    <details
      open={isOpen}
      onToggle={(event) => setOpen(event.currentTarget.open)}
      className="border-b last:border-b-0"
    >
      <summary className="flex list-none items-center gap-2 px-4 py-2.5 hover:bg-hover/60 focus-visible:-outline-offset-2">
        <ChevronRight
          className={cn('size-4 text-muted-foreground transition-transform', isOpen && 'rotate-90')}
          aria-hidden
        />
        <span className="font-medium text-sm">{formatWords(name)}</span>
        {typeof type === 'string' && <span className="text-muted-foreground text-sm">{type}</span>}
        <span className="ml-auto text-muted-foreground text-xs">{plural(leaves.length, 'setting')}</span>
      </summary>
      <dl className="grid grid-cols-[minmax(8rem,16rem)_1fr] gap-x-6 gap-y-1 px-4 pb-3 pl-10 text-sm max-sm:grid-cols-2 max-sm:pl-4">
        {leaves.map(([path, value]) => (
          <div key={path} className="contents">
            <dt className="name font-mono text-muted-foreground text-xs leading-5">{path}</dt>
            <dd className="name tabular">{shownLeaf(value)}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
