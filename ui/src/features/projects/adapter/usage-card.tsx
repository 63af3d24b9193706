'use client';

import type { VersionOut } from '@less-is-more/client';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { CodeBlock } from '@/components/ui/code-block';
import { Skeleton } from '@/components/ui/skeleton';
import { useCode } from '../api';
import { transcribeCommands } from './usage';

const TRANSCRIBED = 'speech_to_text';

/** How to use the newest version: on the command line, and in Python without this platform. */
export function UsageCard({ name, version }: { name: string; version: VersionOut }) {
  const code = useCode(version.job_id);
  const task = version.lineage.result.task;
  const commands = transcribeCommands(name, version.number);
  return (
    <Card>
      <CardHeader
        title="Use it"
        description={`Version ${version.number} is a plain peft folder: it works here and elsewhere.`}
      />
      <CardContent className="grid gap-3">
        <CodeBlock
          title="Command line"
          code={task === undefined || task === TRANSCRIBED ? commands : (commands.split('\n')[0] ?? '')}
        />
        {code.isPending ? (
          <Skeleton className="h-40 w-full rounded-lg" />
        ) : (
          code.data && <CodeBlock title="Python, with peft and transformers alone" code={code.data} />
        )}
      </CardContent>
    </Card>
  );
}
