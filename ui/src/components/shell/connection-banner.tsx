'use client';

import { Unplug } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useConnection } from '@/lib/live/live-provider';

/** A reconnection that takes less is nobody's business. */
const QUIET_MS = 4000;

/** Says that what is shown may be old while the event stream is lost; goes by itself. */
export function ConnectionBanner() {
  const isOpen = useConnection() === 'open'; // while it is lost, it goes to and fro between waiting and connecting
  const [isLost, setIsLost] = useState(false);
  useEffect(() => {
    if (isOpen) {
      setIsLost(false);
      return;
    }
    const timer = setTimeout(() => setIsLost(true), QUIET_MS);
    return () => clearTimeout(timer);
  }, [isOpen]);
  return (
    <div role="status" aria-live="polite" className="sticky top-(--topbar-height) z-10">
      {isLost && (
        <p className="flex items-center justify-center gap-2 border-b bg-warning-soft px-4 py-1.5 text-sm text-warning-text">
          <Unplug className="size-4 shrink-0" aria-hidden />
          The connection is lost: what you see may be old. Reconnecting …
        </p>
      )}
    </div>
  );
}
