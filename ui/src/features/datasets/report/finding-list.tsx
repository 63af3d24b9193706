'use client';

import { ArrowRight } from 'lucide-react';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { formatCount, plural } from '@/lib/format';
import { findingTitle, SEVERITIES, sentence } from '../findings';
import type { FindingGroup } from './group';

interface FindingListProps {
  groups: readonly FindingGroup[];
  /** Shows the items that a kind is about. */
  onShow?: (group: FindingGroup) => void;
}

/** What the checks found: each kind with its number, an example and the cure. */
export function FindingList({ groups, onShow }: FindingListProps) {
  return (
    <Card aria-label="Findings">
      <ul className="divide-y">
        {groups.map((group) => (
          <Row key={`${group.severity} ${group.code}`} group={group} {...(onShow ? { onShow } : {})} />
        ))}
      </ul>
    </Card>
  );
}

function Row({ group, onShow }: { group: FindingGroup; onShow?: (group: FindingGroup) => void }) {
  const { code, severity, count, examples, action } = group;
  const { label, tone } = SEVERITIES[severity];
  const isWhole = severity === 'dataset';
  const first = examples[0];
  return (
    <li className="grid gap-x-4 gap-y-2 px-4 py-3.5 sm:grid-cols-[8.5rem_1fr_auto]">
      <div>
        <Badge tone={tone}>{label}</Badge>
      </div>
      <div className="min-w-0">
        <p className="font-medium text-sm">
          {findingTitle(code)}
          {!isWhole && (
            <span className="tabular ml-2 font-normal text-muted-foreground">{plural(count, 'item')}</span>
          )}
        </p>
        {isWhole ? (
          examples.map(({ reason }) => (
            <p key={reason} className="name mt-0.5 text-sm">
              {sentence(reason)}
            </p>
          ))
        ) : (
          <p className="name mt-0.5 text-muted-foreground text-sm">
            {first?.path && (
              <>
                <bdi className="font-mono text-xs">{first.path}</bdi>:{' '}
              </>
            )}
            {first && sentence(first.reason)}
            {count > 1 && ` And ${formatCount(count - 1)} more.`}
          </p>
        )}
        <p className="name mt-1 text-sm">
          <span className="text-muted-foreground">What to do: </span>
          {sentence(action)}
        </p>
      </div>
      {onShow && !isWhole && (
        <div className="sm:self-center">
          <Button size="sm" onClick={() => onShow(group)} aria-label={`Show items: ${findingTitle(code)}`}>
            Show {count === 1 ? 'item' : 'items'} <ArrowRight aria-hidden />
          </Button>
        </div>
      )}
    </li>
  );
}
