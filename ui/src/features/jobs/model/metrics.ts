/** How metrics are called and which direction is better, as docs/guide/metrics.md explains them. */

import { formatNumber, formatPercent, formatWords } from '@/lib/format';

export interface Metric {
  title: string;
  /** One sentence for somebody who meets it for the first time. */
  meaning: string;
  better: 'lower' | 'higher';
  /** `share`: of one, shown in percent. */
  unit: 'share' | 'score';
}

const METRICS: Record<string, Metric> = {
  wer: {
    title: 'WER',
    meaning: 'Word error rate: wrong, missing and added words, as a share of the words that were said.',
    better: 'lower',
    unit: 'share',
  },
  cer: {
    title: 'CER',
    meaning: 'Character error rate: as WER, counted in characters.',
    better: 'lower',
    unit: 'share',
  },
  bleu: {
    title: 'BLEU',
    meaning: 'How many word sequences a translation shares with its reference, 0 to 100.',
    better: 'higher',
    unit: 'score',
  },
  rouge_l: {
    title: 'ROUGE-L',
    meaning: 'Longest word sequence shared with the reference.',
    better: 'higher',
    unit: 'share',
  },
  cider: {
    title: 'CIDEr-D',
    meaning: 'Word sequences that a caption shares with references; rare ones count more. 0 to 10.',
    better: 'higher',
    unit: 'score',
  },
  exact_match: {
    title: 'Exact match',
    meaning: 'Share of answers equal to a reference.',
    better: 'higher',
    unit: 'share',
  },
  token_f1: {
    title: 'Token F1',
    meaning: 'Words that answer and reference share.',
    better: 'higher',
    unit: 'share',
  },
  accuracy: {
    title: 'Accuracy',
    meaning: 'Share of examples that get the right class.',
    better: 'higher',
    unit: 'share',
  },
  macro_f1: {
    title: 'Macro F1',
    meaning: 'Precision and recall in one number, each class counting the same.',
    better: 'higher',
    unit: 'share',
  },
  micro_f1: {
    title: 'Micro F1',
    meaning: 'Precision and recall in one number, over all decisions.',
    better: 'higher',
    unit: 'share',
  },
  mean_average_precision: {
    title: 'mAP',
    meaning: 'Mean over classes of the area under the precision-recall curve.',
    better: 'higher',
    unit: 'share',
  },
  perplexity: {
    title: 'Perplexity',
    meaning: 'How surprised the model is by the right text; 1 is not at all.',
    better: 'lower',
    unit: 'score',
  },
  loss: {
    title: 'Loss',
    meaning: 'What training makes smaller: how far predictions are from the references.',
    better: 'lower',
    unit: 'score',
  },
};

/** A metric by its name. Of names that are not known, recalls and scores are better when higher, losses when lower. */
export function metricOf(name: string): Metric {
  const known = METRICS[name];
  if (known) return known;
  const isLower = /loss|error|rate$|perplexity|median_rank/.test(name);
  return {
    title: formatWords(name),
    meaning: '',
    better: isLower ? 'lower' : 'higher',
    unit: /recall|precision|accuracy|share|f1/.test(name) ? 'share' : 'score',
  };
}

export function formatMetric(name: string, value: number | null | undefined): string {
  return metricOf(name).unit === 'share' ? formatPercent(value) : formatNumber(value);
}

/** Whether `value` is better than `other`. */
export function isBetter(name: string, value: number, other: number): boolean {
  return metricOf(name).better === 'lower' ? value < other : value > other;
}

/** Index of the best of some values; null when there are none, or all are the same. */
export function bestIndex(name: string, values: readonly (number | null | undefined)[]): number | null {
  let best: number | null = null;
  let seen = 0;
  let differs = false;
  values.forEach((value, index) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return;
    seen += 1;
    const leader = best === null ? null : values[best];
    if (leader === null || leader === undefined) best = index;
    else if (value !== leader) {
      differs = true;
      if (isBetter(name, value, leader)) best = index;
    }
  });
  return seen > 1 && differs ? best : null;
}
