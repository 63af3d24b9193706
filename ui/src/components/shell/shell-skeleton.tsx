import { Skeleton } from '@/components/ui/skeleton';
import { Logo } from './logo';

/** What the export holds of every page: its frame, until it is known who is there. */
export function ShellSkeleton() {
  return (
    <div className="min-h-dvh" aria-busy="true">
      <div className="fixed inset-y-0 left-0 hidden w-(--sidebar-width) border-r bg-sidebar lg:block">
        <div className="flex h-(--topbar-height) items-center px-4">
          <Logo />
        </div>
      </div>
      <div className="lg:pl-(--sidebar-width)">
        <div className="h-(--topbar-height) border-b" />
        <main className="mx-auto max-w-[84rem] px-4 pt-6 sm:px-6 lg:px-8">
          <h1 className="sr-only">Less Is More</h1>
          <p className="sr-only" role="status">
            Loading
          </p>
          <Skeleton className="mb-6 h-7 w-56" />
          <Skeleton className="h-40 w-full" />
        </main>
      </div>
    </div>
  );
}
