'use client';

import { type ComponentType, lazy, Suspense, useMemo, useState } from 'react';
import { Button } from './button';

type ButtonProps = React.ComponentProps<typeof Button>;

interface OnDemandProps<Props> {
  /** Loads the menu; its component draws `button` as its trigger and is open at first. */
  load: () => Promise<{ default: ComponentType<Props & { button: ButtonProps }> }>;
  /** What is shown until then, and as the trigger afterwards. */
  button: ButtonProps;
  /** What opens; `dialog` for a popover. */
  popup?: 'menu' | 'dialog';
  props: Props;
}

/**
 * A button whose menu is loaded when it is first used: menus, with all that places them, are a quarter of what a page
 * would otherwise load before it works. Pointing at the button or focusing it starts the loading.
 */
export function OnDemand<Props extends object>({
  load,
  button,
  popup = 'menu',
  props,
}: OnDemandProps<Props>) {
  const [isWanted, setIsWanted] = useState(false);
  const Menu = useMemo(() => lazy(load), [load]);
  const plain = (
    <Button
      {...button}
      aria-haspopup={popup}
      aria-expanded={false}
      onPointerEnter={() => void load()}
      onFocus={() => void load()}
      onClick={() => setIsWanted(true)}
    />
  );
  if (!isWanted) return plain;
  return (
    <Suspense fallback={plain}>
      <Menu {...props} button={button} />
    </Suspense>
  );
}
