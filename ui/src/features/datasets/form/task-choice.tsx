import { RadioCard, RadioGroup } from '@/components/ui/radio-group';
import { TASKS, taskWords } from '../tasks';

/** What a model should learn from the dataset, and what the recordings need for it. */
export function TaskChoice({ value, onChange }: { value: string; onChange: (task: string) => void }) {
  const task = taskWords(value);
  return (
    <div className="grid grid-cols-1 gap-3">
      <RadioGroup
        aria-label="What a model should learn"
        value={value}
        onValueChange={onChange}
        className="sm:grid-cols-2"
      >
        {TASKS.map(({ id, title, does, icon: Icon }) => (
          <RadioCard key={id} value={id} title={title} description={does} icon={<Icon aria-hidden />} />
        ))}
      </RadioGroup>
      <div className="flex flex-col gap-x-6 gap-y-2 rounded-lg bg-muted/60 px-4 py-3 text-sm sm:flex-row sm:items-start">
        <p className="flex-1">
          <span className="font-medium">Each recording needs </span>
          {task.needs}.
          <span className="mt-1 block text-muted-foreground">
            WAV, FLAC, MP3, OGG, M4A and more, at any sample rate. Other structures work too: subtitles,
            Common Voice, LibriSpeech, Kaldi, a text file beside each recording, Parquet.
          </span>
        </p>
        <figure className="shrink-0">
          <figcaption className="text-muted-foreground text-xs">{task.example.title}</figcaption>
          <pre className="mt-1 overflow-x-auto rounded-md border bg-card px-2.5 py-1.5 font-mono text-xs leading-5">
            {task.example.lines}
          </pre>
        </figure>
      </div>
    </div>
  );
}
