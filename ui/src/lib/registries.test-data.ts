/** Some of what the platform says, for tests. */

import type { Registries } from './registries';

export const REGISTRIES: Registries = {
  metrics: [
    { name: 'wer', title: 'WER', meaning: 'Word error rate', better: 'lower', unit: 'share' },
    { name: 'cer', title: 'CER', meaning: 'Character error rate', better: 'lower', unit: 'share' },
    { name: 'accuracy', title: 'Accuracy', meaning: 'Share of right ones', better: 'higher', unit: 'share' },
    { name: 'bleu', title: 'BLEU', meaning: 'Word sequences', better: 'higher', unit: 'score' },
    { name: 'loss', title: 'Loss', meaning: 'What training makes smaller', better: 'lower', unit: 'score' },
  ],
  tasks: [
    { name: 'speech_to_text', targets: ['text'] },
    { name: 'audio_classification', targets: ['label', 'labels'] },
    { name: 'captioning', targets: ['captions'] },
    { name: 'retrieval', targets: ['captions'] },
  ],
};
