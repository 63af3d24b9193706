import { LoaderCircle } from 'lucide-react';
import { wordsOf } from '@/lib/problems';
import { Logo } from './logo';

/** In place of everything while the platform does not answer and nothing is loaded yet. */
export function Unreachable({ error }: { error: unknown }) {
  const { title, cure, isConnection } = wordsOf(error);
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-4 px-6 text-center">
      <Logo />
      <h1 className="font-semibold text-lg">{title}</h1>
      <p className="max-w-sm text-muted-foreground text-sm">
        {isConnection ? 'Check that it is running and that this device is online.' : cure} This page goes on
        by itself as soon as it can.
      </p>
      <p role="status" className="flex items-center gap-2 text-muted-foreground text-sm">
        <LoaderCircle className="size-4 animate-spin" aria-hidden /> Trying again …
      </p>
    </main>
  );
}
