'use client';

import { CodeBlock } from '@/components/ui/code-block';
import { Dialog } from '@/components/ui/dialog';
import type { Job } from '../contract';
import { configOf, fieldsOf, textOf } from '../model/job';

/** How to use a result on recordings of one's own. */
export function TranscribeDialog({ job, onOpenChange }: { job: Job; onOpenChange: (open: boolean) => void }) {
  const method = textOf(fieldsOf(configOf(job).method).type);
  const isModel = method !== null && !['qlora', 'lora', 'temporal'].includes(method);
  const task = textOf(fieldsOf(configOf(job).task).type);
  const folder = isModel ? 'model' : 'adapter';
  return (
    <Dialog
      open
      onOpenChange={onOpenChange}
      title="Use it on recordings"
      description="Two commands on any machine where the platform's command line is installed."
      className="sm:max-w-2xl"
    >
      <div className="grid gap-4">
        <CodeBlock
          title="Download the result"
          code={`lim jobs download ${job.id} ${folder}${isModel ? ' --kind model' : ''}`}
        />
        {task === 'speech_to_text' || task === null ? (
          <CodeBlock
            title="Transcribe a recording"
            code={
              isModel
                ? `lim transcribe recording.wav --model ${folder}`
                : `lim transcribe recording.wav --adapter ${folder}`
            }
          />
        ) : (
          <p className="text-muted-foreground text-sm">
            The model card among the files of the job shows how to load it with transformers and peft.
          </p>
        )}
      </div>
    </Dialog>
  );
}
