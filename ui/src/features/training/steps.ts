/** The steps of the wizard, and which of them a fault of the platform is about. */

export const STEPS = [
  { id: 'dataset', title: 'Dataset', question: 'What should it learn from?' },
  { id: 'model', title: 'Model', question: 'Which model should learn it?' },
  { id: 'parameters', title: 'Parameters', question: 'How should it learn?' },
  { id: 'review', title: 'Review', question: 'Is this what you want?' },
] as const;

export type StepId = (typeof STEPS)[number]['id'];

export function isStep(value: string | null): value is StepId {
  return STEPS.some((step) => step.id === value);
}

export interface Done {
  dataset: boolean;
  model: boolean;
  parameters: boolean;
}

/** Where one starts: what has to be chosen, else the parameters, whose defaults are complete but wait to be looked at. */
export function firstOpen(done: Done): StepId {
  if (!done.dataset) return 'dataset';
  return done.model ? 'parameters' : 'model';
}

/** Whether a step can be opened: everything before it is done. */
export function canOpen(step: StepId, done: Done): boolean {
  const index = STEPS.findIndex(({ id }) => id === step);
  return STEPS.slice(0, index).every(({ id }) => id === 'review' || done[id]);
}

const CONFIG = 'config.';

/** The step that a path of the request's body belongs to. */
export function stepOf(path: string): StepId {
  if (path.startsWith('dataset')) return 'dataset';
  if (path.startsWith('model')) return 'model';
  // The task follows from dataset and model.
  if (path === `${CONFIG}task.type`) return 'model';
  return path === 'config' || path.startsWith(CONFIG) ? 'parameters' : 'review';
}

/** The path inside the config; null where it is about something else. */
export function configPath(path: string): string | null {
  return path.startsWith(CONFIG) ? path.slice(CONFIG.length) : null;
}
