/** The parts and phases of an estimate in words, and what makes each part smaller. */

import type { EstimateOut } from '@less-is-more/client';
import type { BarPart } from '@/components/charts/bar-stack';

const PARTS: Record<string, { label: string; cure?: string }> = {
  runtime: { label: 'Python and libraries' },
  base_weights: { label: 'Base model', cure: 'A 4-bit base (QLoRA) is the smallest.' },
  vocabulary: { label: 'Output vocabulary' },
  published_base: { label: 'Base, to compare with', cure: 'Not measuring the base saves it.' },
  model_file: { label: 'Model file' },
  adapter: { label: 'Adapter', cure: 'A lower rank makes it smaller.' },
  gradients: { label: 'Gradients', cure: 'Fewer trained weights have fewer.' },
  optimizer_states: { label: 'Optimizer states', cure: 'An 8-bit optimizer needs a quarter.' },
  weight_copies: { label: 'Copies of weights' },
  activations: { label: 'Activations', cure: 'A smaller micro-batch, or recomputing them, needs less.' },
  workspace: { label: 'Temporary values', cure: 'A smaller micro-batch needs less.' },
  features: { label: 'Prepared audio' },
};
const NAMES = Object.keys(PARTS);

const PHASES: Record<string, string> = {
  loading: 'Loading',
  training: 'Training',
  evaluating_base: 'Measuring the base',
  evaluating: 'Measuring the result',
};

export const partLabel = (name: string) => PARTS[name]?.label ?? name;
export const phaseLabel = (name: string) => PHASES[name] ?? name;

const SMALL = 0.02;
const LARGE = 0.2;

/** The parts of the peak, always in the same order; tiny ones together, large ones with their cure. */
export function barParts(parts: Readonly<Record<string, number>>): BarPart[] {
  const total = Object.values(parts).reduce((sum, value) => sum + value, 0) || 1;
  const names = [
    ...NAMES.filter((name) => name in parts),
    ...Object.keys(parts).filter((name) => !(name in PARTS)),
  ];
  const shown = names.filter((name) => (parts[name] ?? 0) / total >= SMALL);
  const rest = names
    .filter((name) => !shown.includes(name))
    .reduce((sum, name) => sum + (parts[name] ?? 0), 0);
  const bars: BarPart[] = shown.map((name) => {
    const value = parts[name] ?? 0;
    const cure = PARTS[name]?.cure;
    return { name, label: partLabel(name), value, ...(cure && value / total >= LARGE ? { hint: cure } : {}) };
  });
  return rest > 0 ? [...bars, { name: 'rest', label: 'Other', value: rest }] : bars;
}

/** One line for a small place: what it needs, and where it fits. */
export function fitsWords(devices: EstimateOut['devices']): string {
  const fitting = devices.filter((device) => device.fits).length;
  if (fitting === devices.length) return 'Fits every device class';
  if (fitting === 0) return 'Fits no device class';
  return `Fits ${fitting} of ${devices.length} device classes`;
}

const COST_UNITS: Record<string, string> = { audio_s: 'seconds of audio' };
export const costUnit = (unit: string) => COST_UNITS[unit] ?? unit.replaceAll('_', ' ');
