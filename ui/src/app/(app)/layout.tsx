import type { ReactNode } from 'react';
import { AppShell } from '@/components/shell/app-shell';
import { KnownRegistries } from '@/components/shell/known-registries';

export default function AppLayout({ children }: { children: ReactNode }) {
  return (
    <AppShell>
      <KnownRegistries>{children}</KnownRegistries>
    </AppShell>
  );
}
