/**
 * Titles, levels and groups for a platform whose schema does not give them yet. To be removed together with its use in
 * `../api.ts` once `GET /schemas/training` has `x-level`.
 */

import { formatWords } from '@/lib/format';
import type { Level, Schema, SchemaGroup } from './schema';

const GROUPS: SchemaGroup[] = [
  { name: 'task', title: 'Task', description: 'What the model learns to do.' },
  { name: 'method', title: 'Method', description: 'Which weights are trained.' },
  { name: 'optimisation', title: 'Optimisation', description: 'How fast and how long it learns.' },
  { name: 'batch', title: 'Batches', description: 'How much audio goes into one step.' },
  { name: 'data', title: 'Data', description: 'What is held out for validation and test.' },
  { name: 'augmentation', title: 'Augmentation', description: 'Random changes to the training audio.' },
  { name: 'evaluation', title: 'Evaluation', description: 'When to measure, and what the result decides.' },
  { name: 'checkpoints', title: 'Checkpoints', description: 'From which a run resumes.' },
  { name: 'hardware', title: 'Memory and speed', description: 'What makes it fit.' },
];
const GROUP_OF: Record<string, string> = {
  task: 'task',
  context: 'data',
  method: 'method',
  split: 'data',
  batch: 'batch',
  augmentation: 'augmentation',
  evaluation: 'evaluation',
  checkpoint: 'checkpoints',
  gradient_checkpointing: 'hardware',
  precision: 'hardware',
};
const BASIC = new Set(
  'task method context optimizer schedule split batch augmentation evaluation checkpoint language multi_label class_weights prompt rank alpha dropout target_modules learning_rate max_steps epochs cost micro_batch_cost validation_fraction test_groups gradient_checkpointing every_steps keep speed_probability noise_probability four_bit_base'.split(
    ' ',
  ),
);
const EXPERT = new Set(
  'betas eps quantization double_quantization rslora ema_decay label_smoothing short_first_steps short_first_max_cost gate_learning_rate gate_dropout gate_penalty decoder_gate gate_states features decoding log_every_steps allocation least_log_probability'.split(
    ' ',
  ),
);

function levelOf(name: string): Level {
  if (BASIC.has(name)) return 'basic';
  return EXPERT.has(name) ? 'expert' : 'advanced';
}

function unitOf(name: string): string | undefined {
  return /_(s|db|hz)$/.exec(name)?.[1]?.replace('db', 'dB').replace('hz', 'Hz');
}

export function annotated(schema: Schema): Schema {
  if (schema['x-groups']) return schema;
  const properties = (of: Record<string, Schema> | undefined, isRoot: boolean) =>
    Object.fromEntries(
      Object.entries(of ?? {}).map(([name, property]) => {
        const unit = unitOf(name);
        return [
          name,
          {
            ...property,
            title: formatWords(name.replace(/_(s|db|hz)$/, '')),
            'x-level': levelOf(name),
            ...(unit ? { 'x-unit': unit } : {}),
            ...(isRoot ? { 'x-group': GROUP_OF[name] ?? 'optimisation' } : {}),
          },
        ];
      }),
    );
  const defs = Object.entries(schema.$defs ?? {}).map(([name, def]) => {
    const type = def.properties?.type?.const;
    const title = typeof type === 'string' ? formatWords(type) : (def.title ?? name);
    return [name, { ...def, title, properties: properties(def.properties, false) }];
  });
  return {
    ...schema,
    properties: properties(schema.properties, true),
    $defs: Object.fromEntries(defs),
    'x-groups': GROUPS,
  };
}
