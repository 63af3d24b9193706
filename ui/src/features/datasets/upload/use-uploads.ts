'use client';

import { useSyncExternalStore } from 'react';
import { toast } from '@/components/ui/toast';
import { onSessionEnd } from '@/lib/session';
import { completeUpload, freshAddresses } from '../api';
import { UploadManager, type UploadState } from './manager';

/** The uploads of this tab, whatever page is shown. */
export const uploads = new UploadManager({ renew: freshAddresses, complete: completeUpload }, ({ name }) =>
  toast.success('Upload finished', { description: `${name} is being checked now.` }),
);

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

if (typeof window !== 'undefined') {
  // A reload or a closed tab ends what is under way: the browser asks first.
  uploads.subscribe(() => {
    window.removeEventListener('beforeunload', warn);
    if (uploads.states().some(isUnderWay)) window.addEventListener('beforeunload', warn);
  });
  onSessionEnd(() => {
    for (const { datasetId } of uploads.states()) uploads.forget(datasetId);
  });
}

export function isUnderWay({ status }: UploadState): boolean {
  return status === 'sending' || status === 'waiting' || status === 'completing';
}

const NONE: readonly UploadState[] = [];

export function useUploads(): readonly UploadState[] {
  return useSyncExternalStore(uploads.subscribe, uploads.states, () => NONE);
}

/** The upload of one dataset, if this tab has it. */
export function useUpload(datasetId: string): UploadState | null {
  return useUploads().find((state) => state.datasetId === datasetId) ?? null;
}
