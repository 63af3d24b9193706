import Link from 'next/link';
import { Logo } from '@/components/shell/logo';
import { Button } from '@/components/ui/button';

export default function NotFound() {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-3 px-6 text-center">
      <Logo className="mb-3" />
      <h1 className="font-semibold text-xl">There is no page at this address</h1>
      <p className="max-w-sm text-muted-foreground text-sm">
        The link may be cut short, or what it led to was deleted.
      </p>
      <Button asChild variant="primary" className="mt-2">
        <Link href="/" prefetch={false}>
          Go to the overview
        </Link>
      </Button>
    </main>
  );
}
