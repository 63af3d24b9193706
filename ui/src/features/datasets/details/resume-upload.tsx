'use client';

import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { Progress } from '@/components/ui/progress';
import { Skeleton } from '@/components/ui/skeleton';
import { toast } from '@/components/ui/toast';
import { formatBytes, formatPercent } from '@/lib/format';
import { keys } from '@/lib/query-keys';
import { freshAddresses } from '../api';
import { named } from '../form/checks';
import { Dropzone } from '../form/dropzone';
import { matchUpload, PACKED_NAME } from '../form/plan';
import { type Chosen, NOTHING, withFiles } from '../form/selection';
import type { DatasetRow } from '../types';
import { uploads } from '../upload/use-uploads';

/** An upload that broke off: what the platform has of it, and going on with the same files. */
export function ResumeUpload({ dataset, onCancel }: { dataset: DatasetRow; onCancel: () => void }) {
  const query = useQuery({
    queryKey: keys.datasets.part(dataset.id, 'uploads'),
    queryFn: () => freshAddresses(dataset.id),
    staleTime: 0,
    refetchOnWindowFocus: false,
  });
  const [selection, setSelection] = useState(NOTHING);
  const [missing, setMissing] = useState<string[]>([]);
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton className="h-64 w-full" />;
  const files = query.data;
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const there = query.data.reduce((sum, address) => sum + (address.uploaded_bytes ?? 0), 0);
  const isPacked = files.some(({ name }) => name === PACKED_NAME);

  const goOn = async (sources: Map<string, Blob>) => {
    try {
      const addresses = await freshAddresses(dataset.id);
      uploads.start({ datasetId: dataset.id, name: dataset.name, addresses, sources });
    } catch (error) {
      toast.error(error);
    }
  };
  const choose = (added: Chosen[]) => {
    const next = withFiles(selection, added);
    const match = matchUpload(files, next.files);
    setSelection(next);
    setMissing(match.missing);
    if (match.missing.length === 0) void goOn(match.sources);
  };
  return (
    <Card>
      <CardHeader
        title="The upload is not finished"
        description="It was interrupted, or runs in another tab. Choose the same files to go on; what has arrived is not sent again."
        actions={
          <Button variant="danger-ghost" onClick={onCancel}>
            Cancel upload
          </Button>
        }
      />
      <CardContent className="grid grid-cols-1 gap-4">
        <div>
          <p className="tabular mb-1.5 flex justify-between gap-4 text-sm">
            <span className="font-medium">{formatPercent(total > 0 ? there / total : 0, 0)} has arrived</span>
            <span className="text-muted-foreground">
              {formatBytes(there)} of {formatBytes(total)}
            </span>
          </p>
          <Progress value={total > 0 ? there / total : 0} label="Arrived" tone="warning" className="h-2" />
        </div>
        <p className="name text-sm">
          <span className="text-muted-foreground">
            {isPacked ? 'Choose the same folder or files: ' : 'Needed: '}
          </span>
          {isPacked ? 'they were sent as one archive' : named(files.map(({ name }) => name))}.
        </p>
        <Dropzone onFiles={choose} isInvalid={missing.length > 0} describedBy="resume-missing" />
        {missing.length > 0 && (
          <Alert tone="danger" title="These are not the files of this upload">
            <span id="resume-missing">
              {isPacked
                ? 'The folder has other files, or files that were changed. Choose it as it was, or cancel and add it anew.'
                : `Missing, or of another size: ${named(missing)}.`}
            </span>
          </Alert>
        )}
      </CardContent>
    </Card>
  );
}
