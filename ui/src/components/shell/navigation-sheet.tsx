'use client';

import { Sheet } from '@/components/ui/sheet';
import { AccountButton } from './account-button';
import { Logo } from './logo';
import { Sections } from './sections';

export default function NavigationSheet({ pathname, onClose }: { pathname: string; onClose: () => void }) {
  return (
    <Sheet
      open
      onOpenChange={(open) => !open && onClose()}
      side="left"
      title={<Logo />}
      className="w-72 bg-sidebar"
    >
      <nav aria-label="Main" className="-mx-5 flex h-full flex-col">
        <Sections pathname={pathname} onNavigate={onClose} />
        <div className="border-t px-2 pt-2">
          <AccountButton />
        </div>
      </nav>
    </Sheet>
  );
}
