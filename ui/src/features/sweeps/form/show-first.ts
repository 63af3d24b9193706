import { flushSync } from 'react-dom';

/** Mark what is wrong, then move the focus to the first field that is. */
export function showFirst(form: HTMLFormElement | null, mark: () => void): void {
  flushSync(mark);
  const field = form?.querySelector<HTMLElement>('[aria-invalid="true"]');
  field?.scrollIntoView({ block: 'center' });
  field?.focus({ preventScroll: true });
}
