'use client';

import { listNodes, type NodeOut } from '@less-is-more/client';
import { useQuery } from '@tanstack/react-query';
import { Cpu, MemoryStick, Server, Zap } from 'lucide-react';
import { Badge } from '@/components/ui/badge';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { EmptyState } from '@/components/ui/empty-state';
import { ErrorState } from '@/components/ui/error-state';
import { PageHeader } from '@/components/ui/page-header';
import { Skeleton } from '@/components/ui/skeleton';
import { formatBytes, formatNumber, formatWords } from '@/lib/format';
import { keys } from '@/lib/query-keys';
import { Health } from '../health';
import { memoryOf, ownLabels } from '../totals';
import { Usage } from '../usage';

const REFRESH_MS = 15_000;

export function ClusterScreen() {
  const { data, error, refetch } = useQuery({
    queryKey: keys.nodes.list(),
    queryFn: ({ signal }) => listNodes({ query: { limit: 100 }, signal }),
    refetchInterval: REFRESH_MS, // nodes are not part of the event stream
  });
  const nodes = data?.items ?? [];
  return (
    <>
      <PageHeader
        title="Cluster"
        description="The machines that jobs run on. A job picks machines by their device class and labels."
      />
      <div className="grid gap-6">
        {error && !data ? (
          <Card>
            <ErrorState error={error} onRetry={() => void refetch()} />
          </Card>
        ) : !data ? (
          <div className="grid gap-4 md:grid-cols-2 xl:grid-cols-3" aria-busy>
            <Skeleton className="h-44" />
            <Skeleton className="h-44" />
          </div>
        ) : nodes.length === 0 ? (
          <Card>
            <EmptyState
              icon={Server}
              title="No machines"
              description="The cluster has no live node. Jobs wait until one joins: start Ray on it with the address of this platform's head node."
            />
          </Card>
        ) : (
          <>
            <Usage memoryBytes={memoryOf(nodes)} />
            <ul className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
              {nodes.map((node) => (
                <li key={node.id}>
                  <NodeCard node={node} />
                </li>
              ))}
            </ul>
          </>
        )}
        <Health />
      </div>
    </>
  );
}

function NodeCard({ node }: { node: NodeOut }) {
  const { CPU = 0, GPU = 0, ...others } = node.resources;
  const labels = ownLabels(node.labels);
  const custom = Object.entries(others).filter(
    ([name]) => !name.startsWith('node:') && name !== 'memory' && name !== 'object_store_memory',
  );
  return (
    <Card className="h-full">
      <CardHeader
        title={
          <span className="inline-flex items-center gap-2">
            <Server className="size-4 text-muted-foreground" aria-hidden />
            {node.name}
          </span>
        }
        actions={
          node.device_class ? (
            <Badge tone="primary">{node.device_class}</Badge>
          ) : (
            <Badge tone="outline">no device class</Badge>
          )
        }
      />
      <CardContent className="grid gap-3">
        <dl className="grid grid-cols-3 gap-3">
          <Fact icon={<Cpu aria-hidden />} label="CPUs" value={formatNumber(CPU)} />
          <Fact icon={<Zap aria-hidden />} label="GPUs" value={formatNumber(GPU)} />
          <Fact icon={<MemoryStick aria-hidden />} label="Memory" value={formatBytes(node.memory_bytes)} />
        </dl>
        {(labels.length > 0 || custom.length > 0) && (
          <ul className="flex flex-wrap gap-1.5" aria-label={`Labels of ${node.name}`}>
            {labels.map(([name, value]) => (
              <li key={name} className="min-w-0">
                <Badge tone="neutral" title={`${name}=${value}`}>
                  <span className="truncate">
                    {name}={value}
                  </span>
                </Badge>
              </li>
            ))}
            {custom.map(([name, amount]) => (
              <li key={name}>
                <Badge tone="outline">
                  {formatNumber(amount)} {formatWords(name)}
                </Badge>
              </li>
            ))}
          </ul>
        )}
      </CardContent>
    </Card>
  );
}

function Fact({ icon, label, value }: { icon: React.ReactNode; label: string; value: string }) {
  return (
    <div>
      <dt className="flex items-center gap-1 text-muted-foreground text-xs [&_svg]:size-3.5">
        {icon}
        {label}
      </dt>
      <dd className="tabular mt-0.5 font-semibold text-base">{value}</dd>
    </div>
  );
}
