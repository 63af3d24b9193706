import { LoaderCircle } from 'lucide-react';
import { Logo } from './logo';

/** In place of everything while the platform does not answer and nothing is loaded yet. */
export function Unreachable() {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-4 px-6 text-center">
      <Logo />
      <h1 className="font-semibold text-lg">The platform cannot be reached</h1>
      <p className="max-w-sm text-muted-foreground text-sm">
        Check that it is running and that this device is online. This page goes on by itself as soon as it
        answers.
      </p>
      <p role="status" className="flex items-center gap-2 text-muted-foreground text-sm">
        <LoaderCircle className="size-4 animate-spin" aria-hidden /> Trying again …
      </p>
    </main>
  );
}
