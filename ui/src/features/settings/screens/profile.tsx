'use client';

import { PageHeader } from '@/components/ui/page-header';
import { PasswordCard } from '../password-card';
import { ProfileCard } from '../profile-card';
import { UsageCard } from '../usage-card';

export function ProfileScreen() {
  return (
    <>
      <PageHeader title="Profile" description="Your name, your password, and what you use of the platform." />
      <div className="grid gap-6">
        <ProfileCard />
        <PasswordCard />
        <UsageCard />
      </div>
    </>
  );
}
