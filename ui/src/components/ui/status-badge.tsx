import {
  Archive,
  Ban,
  Circle,
  CircleCheck,
  CircleDashed,
  CircleX,
  Clock,
  LoaderCircle,
  type LucideIcon,
  Pause,
  Scissors,
  Square,
  TriangleAlert,
} from 'lucide-react';
import { cn } from '@/lib/cn';
import { formatWords } from '@/lib/format';
import { Badge } from './badge';

interface Look {
  tone: 'neutral' | 'primary' | 'success' | 'warning' | 'danger';
  icon: LucideIcon;
  label?: string;
  spins?: boolean;
}

/** How each status of the platform looks, everywhere. */
const LOOKS: Record<string, Look> = {
  pending: { tone: 'neutral', icon: CircleDashed },
  queued: { tone: 'neutral', icon: Clock },
  waiting: { tone: 'neutral', icon: Clock },
  starting: { tone: 'primary', icon: LoaderCircle, spins: true },
  processing: { tone: 'primary', icon: LoaderCircle, spins: true },
  running: { tone: 'primary', icon: LoaderCircle, spins: true },
  stopping: { tone: 'warning', icon: LoaderCircle, spins: true },
  stopped: { tone: 'warning', icon: Square },
  succeeded: { tone: 'success', icon: CircleCheck },
  completed: { tone: 'success', icon: CircleCheck },
  ready: { tone: 'success', icon: CircleCheck },
  active: { tone: 'success', icon: CircleCheck, label: 'Ready' },
  finished: { tone: 'success', icon: CircleCheck },
  paused: { tone: 'neutral', icon: Pause },
  pruned: { tone: 'neutral', icon: Scissors, label: 'Stopped early' },
  good: { tone: 'success', icon: CircleCheck },
  failed: { tone: 'danger', icon: CircleX },
  error: { tone: 'danger', icon: CircleX },
  rejected: { tone: 'danger', icon: Ban },
  warning: { tone: 'warning', icon: TriangleAlert },
  skipped: { tone: 'neutral', icon: CircleDashed },
  retired: { tone: 'neutral', icon: Archive },
  disabled: { tone: 'neutral', icon: Ban },
};

export function StatusBadge({ status, className }: { status: string; className?: string }) {
  const look = LOOKS[status] ?? { tone: 'neutral' as const, icon: Circle };
  const Icon = look.icon;
  return (
    <Badge tone={look.tone} className={className} data-status={status}>
      <Icon className={cn(look.spins && 'animate-spin [animation-duration:2s]')} aria-hidden />
      {look.label ?? formatWords(status)}
    </Badge>
  );
}
