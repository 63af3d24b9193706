'use client';

import { ShieldX } from 'lucide-react';
import type { ReactNode } from 'react';
import { EmptyState } from '@/components/ui/empty-state';
import { PageHeader } from '@/components/ui/page-header';
import { useAuth } from '@/lib/auth/auth-provider';

/** A page for administrators. The platform refuses others too; this only says it in words. */
export function AdminOnly({ title, children }: { title: string; children: ReactNode }) {
  const { isAdmin } = useAuth();
  if (isAdmin) return children;
  return (
    <>
      <PageHeader title={title} />
      <EmptyState
        icon={ShieldX}
        title="For administrators"
        description="Your account may not see this page. Whoever runs the platform can make you an administrator."
      />
    </>
  );
}
