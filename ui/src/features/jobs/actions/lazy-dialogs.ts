'use client';

/** The dialogs of jobs, loaded when one is first opened. */

import dynamic from 'next/dynamic';

export const StopDialog = dynamic(() => import('./job-dialogs').then((module) => module.StopDialog), {
  ssr: false,
});
export const DeleteDialog = dynamic(() => import('./job-dialogs').then((module) => module.DeleteDialog), {
  ssr: false,
});
export const RenameDialog = dynamic(() => import('./job-dialogs').then((module) => module.RenameDialog), {
  ssr: false,
});
export const EvaluateDialog = dynamic(
  () => import('./evaluate-dialog').then((module) => module.EvaluateDialog),
  { ssr: false },
);
export const VersionDialog = dynamic(
  () => import('./version-dialog').then((module) => module.VersionDialog),
  { ssr: false },
);
export const TranscribeDialog = dynamic(
  () => import('./transcribe-dialog').then((module) => module.TranscribeDialog),
  { ssr: false },
);
