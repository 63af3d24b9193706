/** The tasks in words: what a model learns from a dataset, and what each recording needs for it. */

import { AudioLines, Captions, type LucideIcon, Search, Tags } from 'lucide-react';

export interface TaskWords {
  id: string;
  title: string;
  icon: LucideIcon;
  /** What the model will do. */
  does: string;
  /** What each recording needs. */
  needs: string;
  /** What an item's target is called. */
  target: string;
  /** What an item that must not be divided between training and test belongs to. */
  group: string;
  example: { title: string; lines: string };
}

export const TASKS: readonly TaskWords[] = [
  {
    id: 'speech_to_text',
    title: 'Speech to text',
    icon: AudioLines,
    does: 'Writes down what is said.',
    needs: 'the text that is spoken in it',
    target: 'Text',
    group: 'Speaker',
    example: {
      title: 'metadata.csv',
      lines: 'file_name,text,speaker\n1.wav,turn left,anna\n2.wav,go home,ben',
    },
  },
  {
    id: 'audio_classification',
    title: 'Sound classes',
    icon: Tags,
    does: 'Names what a sound is: dog, rain, a command, an emotion.',
    needs: 'its class: the name of its folder, or a column',
    target: 'Class',
    group: 'Group',
    example: { title: 'Folders', lines: 'dog/1.wav\ndog/2.wav\nrain/1.wav' },
  },
  {
    id: 'captioning',
    title: 'Descriptions',
    icon: Captions,
    does: 'Describes a recording in a sentence.',
    needs: 'one or a few sentences that describe it',
    target: 'Descriptions',
    group: 'Group',
    example: {
      title: 'metadata.csv',
      lines: 'file_name,caption\n1.wav,A dog barks in the rain\n2.wav,Waves break',
    },
  },
  {
    id: 'retrieval',
    title: 'Search by text',
    icon: Search,
    does: 'Finds recordings by a description, and descriptions by a recording.',
    needs: 'one or a few sentences that describe it',
    target: 'Descriptions',
    group: 'Group',
    example: {
      title: 'metadata.csv',
      lines: 'file_name,caption\n1.wav,A dog barks in the rain\n2.wav,Waves break',
    },
  },
];

export function taskWords(id: string): TaskWords {
  const known = TASKS.find((task) => task.id === id);
  if (known) return known;
  const title = id.charAt(0).toUpperCase() + id.slice(1).replaceAll('_', ' ');
  return {
    ...(TASKS[0] as TaskWords),
    id,
    title,
    does: '',
    needs: 'what the model should learn',
    target: 'Target',
  };
}
