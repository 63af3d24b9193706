'use client';

import type { DatasetItemOut } from '@less-is-more/client';
import { Search } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Combobox } from '@/components/ui/combobox';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { toast } from '@/components/ui/toast';
import { formatCount, plural } from '@/lib/format';
import { useDebounced } from '@/lib/use-debounced';
import { type ItemFilters, useItems, useReport } from '../api';
import { findingTitle, OVERRULABLE } from '../findings';
import { groupFindings } from '../report/group';
import { sharesOf } from '../report/shares';
import type { TaskWords } from '../tasks';
import { SPLITS } from '../types';
import { type Draft, type Verdict, withGroup, withItem, withoutItem } from './draft';
import { ItemDrawer } from './item-drawer';
import { ItemList } from './item-list';
import { usePlayer } from './use-player';

interface ItemsTabProps {
  datasetId: string;
  version: number;
  task: TaskWords;
  filters: ItemFilters;
  onFilters: (changes: Partial<ItemFilters>) => void;
  draft: Draft;
  onDraft: (draft: Draft) => void;
}

const ANY = '*';
const SPLIT_WORDS: Record<string, string> = { train: 'Training', validation: 'Validation', test: 'Test' };

export function ItemsTab({ datasetId, version, task, filters, onFilters, draft, onDraft }: ItemsTabProps) {
  const q = useDebounced(filters.q);
  const list = useItems(datasetId, version, { ...filters, q });
  const { data: report } = useReport(datasetId, version, true);
  const [openPath, setOpenPath] = useState<string | null>(null);
  const player = usePlayer(() => {
    list.reload();
    toast.info('That recording could not be played', {
      description: 'The list was loaded again: try once more.',
    });
  });
  const index = list.rows.findIndex((item) => item.path === openPath);
  const open = list.rows[index];
  const findings = useMemo(
    () => (report ? groupFindings(report).filter((group) => group.severity !== 'dataset') : []),
    [report],
  );
  const groups = useMemo(() => sharesOf(report?.speakers), [report]);
  const groupOptions = [
    { value: ANY, label: `${task.group}: any` },
    ...groups.map(({ name, count }) => ({ value: name, label: `${name} (${formatCount(count)})` })),
  ];
  const splits = SPLITS.filter((split) => report?.splits?.[split]);
  const clear = () => onFilters({ q: '', status: '', finding: '', split: '', group: '' });
  const step = (by: 1 | -1) => {
    const next = list.rows[index + by];
    if (next) setOpenPath(next.path);
    if (list.hasMore && index + by >= list.rows.length - 5) list.loadMore();
  };
  return (
    <div className="grid grid-cols-1 gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <div className="relative w-full sm:w-64">
          <Search
            className="pointer-events-none absolute top-2 left-2.5 size-4 text-muted-foreground"
            aria-hidden
          />
          <Input
            type="search"
            dir="auto"
            aria-label="Search items"
            placeholder={`Search ${task.target.toLowerCase()} or path …`}
            value={filters.q}
            onChange={(event) => onFilters({ q: event.target.value })}
            className="pl-8"
          />
        </div>
        <Filter
          label="Status"
          value={filters.status}
          onChange={(status) => onFilters({ status })}
          options={[
            { value: 'good', label: 'In the dataset' },
            { value: 'rejected', label: 'Left out' },
          ]}
        />
        {findings.length > 0 && (
          <Filter
            label="Finding"
            value={filters.finding}
            onChange={(finding) => onFilters({ finding })}
            options={findings.map(({ code, count }) => ({
              value: code,
              label: `${findingTitle(code)} (${formatCount(count)})`,
            }))}
          />
        )}
        {splits.length > 0 && (
          <Filter
            label="Part"
            value={filters.split}
            onChange={(split) => onFilters({ split })}
            options={splits.map((split) => ({ value: split, label: SPLIT_WORDS[split] ?? split }))}
          />
        )}
        {groups.length > 0 && (
          <Combobox
            // The visible text is a part of the name: who speaks to the device says what is seen.
            aria-label={`${task.group} filter: ${groupOptions.find(({ value }) => value === (filters.group || ANY))?.label ?? filters.group}`}
            className="w-44"
            value={filters.group || ANY}
            onValueChange={(value) => onFilters({ group: value === ANY ? '' : value })}
            searchPlaceholder={`Search ${task.group.toLowerCase()}s …`}
            options={groupOptions}
          />
        )}
      </div>
      {filters.finding && (
        <Bulk
          code={filters.finding}
          count={list.total ?? 0}
          isKept={list.rows.some((item) => item.status === 'good')}
          draft={draft}
          onDecide={(verdict) =>
            onDraft(withGroup(draft, { verdict, code: filters.finding, count: list.total ?? 0 }))
          }
        />
      )}
      <ItemList
        list={list}
        draft={draft}
        player={player}
        openPath={openPath}
        onOpen={(item: DatasetItemOut) => {
          player.stop();
          setOpenPath(item.path);
        }}
        onClear={clear}
      />
      {open && (
        <ItemDrawer
          item={open}
          index={index}
          total={list.total}
          draft={draft}
          task={task}
          onChange={(change) => onDraft(withItem(draft, open, change))}
          onUndo={() => onDraft(withoutItem(draft, open.path))}
          onStep={step}
          onClose={() => setOpenPath(null)}
        />
      )}
    </div>
  );
}

interface FilterProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  options: readonly { value: string; label: string }[];
}

function Filter({ label, value, onChange, options }: FilterProps) {
  return (
    <Select
      aria-label={label}
      className="w-auto min-w-32 max-w-60"
      value={value || ANY}
      onValueChange={(next) => onChange(next === ANY ? '' : next)}
      options={[{ value: ANY, label: `${label}: any` }, ...options]}
    />
  );
}

interface BulkProps {
  code: string;
  count: number;
  /** Items with this finding are in the dataset: they can be left out. Else they can be kept, if it is a judgement. */
  isKept: boolean;
  draft: Draft;
  onDecide: (verdict: Verdict) => void;
}

/** A decision about all items with a finding. */
function Bulk({ code, count, isKept, draft, onDecide }: BulkProps) {
  const verdict: Verdict = isKept ? 'reject' : 'accept';
  const isDecided = draft.groups.some((group) => group.code === code);
  if (count < 2 || isDecided || (!isKept && !OVERRULABLE.has(code))) return null;
  return (
    <div className="flex flex-wrap items-center justify-between gap-2 rounded-lg bg-muted/60 px-3 py-2 text-sm">
      <p>
        {plural(count, 'item')} with “{findingTitle(code)}”
      </p>
      <Button size="sm" onClick={() => onDecide(verdict)}>
        {verdict === 'reject'
          ? `Leave all ${formatCount(count)} out`
          : `Keep all ${formatCount(count)} anyway`}
      </Button>
    </div>
  );
}
