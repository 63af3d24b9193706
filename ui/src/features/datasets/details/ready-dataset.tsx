'use client';

import { FileText, Layers, List } from 'lucide-react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { Tabs, TabsContent, TabsList, TabsTrigger } from '@/components/ui/tabs';
import { formatCount } from '@/lib/format';
import { useStoredState } from '@/lib/stored-state';
import { useUrlState } from '@/lib/url-state';
import { useVersions } from '../api';
import { ChangesBar } from '../items/changes-bar';
import { type Draft, EMPTY_DRAFT } from '../items/draft';
import { ItemsTab } from '../items/items-tab';
import { ReportTab } from '../report/report-tab';
import type { TaskWords } from '../tasks';
import { type DatasetRow, statisticsOf } from '../types';
import { VersionsTab } from '../versions/versions-tab';
import { Processing } from './processing';

const DEFAULTS = { tab: 'report', version: '', q: '', status: '', finding: '', split: '', group: '' };
const NO_FILTERS = { q: '', status: '', finding: '', split: '', group: '' };

/** A dataset that can be used: its report, its items, its versions. */
export function ReadyDataset({ dataset, task }: { dataset: DatasetRow; task: TaskWords }) {
  const [state, setState] = useUrlState(DEFAULTS);
  const versions = useVersions(dataset.id);
  const newest = dataset.version ?? 1;
  const shown = Number(state.version) || newest;
  const version = versions.data?.find(({ number }) => number === shown);
  const unfinished = versions.data?.find(({ status }) => status === 'processing' || status === 'pending');
  const failed = versions.data?.[0]?.status === 'error' ? versions.data[0] : null;
  const [draft, setDraft] = useStoredState<Draft>(`draft.${dataset.id}.${shown}`, EMPTY_DRAFT);
  const { tab, q, status, finding, split, group } = state;
  return (
    <div className="grid grid-cols-1 gap-5">
      {unfinished && (
        <Processing
          dataset={{ ...dataset, job_id: unfinished.job_id }}
          title={`Version ${unfinished.number} is being made`}
        />
      )}
      {failed && !unfinished && (
        <Alert tone="warning" title={`Version ${failed.number} could not be made`}>
          <span className="line-clamp-4">{failed.error}</span> Version {newest} can be used as before.
        </Alert>
      )}
      {shown !== newest && (
        <Alert
          tone="info"
          title={`This is version ${shown}; the newest is ${newest}`}
          actions={
            <Button size="sm" onClick={() => setState({ version: '' })}>
              Show the newest
            </Button>
          }
        />
      )}
      <Tabs value={tab} onValueChange={(next) => setState({ tab: next })}>
        <TabsList aria-label="Parts of this page">
          <TabsTrigger value="report">
            <FileText aria-hidden /> Report
          </TabsTrigger>
          <TabsTrigger value="items">
            <List aria-hidden /> Items
            {version?.items != null && (
              <span className="tabular text-muted-foreground text-xs">{formatCount(version.items)}</span>
            )}
          </TabsTrigger>
          <TabsTrigger value="versions">
            <Layers aria-hidden /> Versions
            {versions.data && (
              <span className="tabular text-muted-foreground text-xs">
                {formatCount(versions.data.length)}
              </span>
            )}
          </TabsTrigger>
        </TabsList>
        <TabsContent value="report">
          {versions.isPending ? (
            <Skeleton className="h-64 w-full" />
          ) : (
            <ReportTab
              datasetId={dataset.id}
              version={shown}
              statistics={statisticsOf(version ?? dataset)}
              task={task}
              onShowItems={(filter) => setState({ tab: 'items', ...NO_FILTERS, ...filter })}
            />
          )}
        </TabsContent>
        <TabsContent value="items">
          <ItemsTab
            key={shown}
            datasetId={dataset.id}
            version={shown}
            task={task}
            filters={{ q, status, finding, split, group }}
            onFilters={setState}
            draft={draft}
            onDraft={setDraft}
          />
        </TabsContent>
        <TabsContent value="versions">
          <VersionsTab
            datasetId={dataset.id}
            shown={shown}
            newest={newest}
            onShow={(number) =>
              setState({ version: number === newest ? '' : String(number), tab: 'report', ...NO_FILTERS })
            }
          />
        </TabsContent>
      </Tabs>
      {tab !== 'versions' && (
        <ChangesBar
          datasetId={dataset.id}
          version={shown}
          draft={draft}
          onDraft={setDraft}
          onMade={() => setState({ version: '' })}
        />
      )}
    </div>
  );
}
