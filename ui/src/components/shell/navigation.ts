import {
  Activity,
  Bell,
  Box,
  Boxes,
  Database,
  FolderKanban,
  KeyRound,
  LayoutDashboard,
  type LucideIcon,
  Network,
  Palette,
  ScrollText,
  Search,
  Server,
  Settings,
  ShieldCheck,
  SlidersHorizontal,
  UserRound,
  Workflow,
} from 'lucide-react';

export interface NavigationItem {
  label: string;
  href: string;
  icon: LucideIcon;
  /** Other addresses of the same section. */
  also?: readonly string[];
  /** Further words that find it in the command palette. */
  words?: string;
}

/** The sections of the page, in the sidebar and in the command palette. */
export const SECTIONS: readonly NavigationItem[] = [
  { label: 'Overview', href: '/', icon: LayoutDashboard, words: 'dashboard home' },
  { label: 'Datasets', href: '/datasets', icon: Database, words: 'recordings upload audio' },
  { label: 'Models', href: '/models', icon: Box, words: 'base catalogue whisper' },
  { label: 'Training jobs', href: '/jobs', icon: Activity, words: 'runs fine-tune' },
  { label: 'Sweeps', href: '/sweeps', icon: SlidersHorizontal, words: 'search pareto rank' },
  { label: 'Pipelines', href: '/pipelines', icon: Workflow, words: 'stages' },
  {
    label: 'Projects & adapters',
    href: '/projects',
    icon: FolderKanban,
    also: ['/adapters'],
    words: 'versions',
  },
  { label: 'Cluster', href: '/cluster', icon: Server, words: 'nodes devices jetson' },
];

export const ADMIN: readonly NavigationItem[] = [
  { label: 'Users', href: '/admin/users', icon: ShieldCheck, words: 'admin accounts' },
  { label: 'All resources', href: '/admin/resources', icon: Boxes, words: 'admin everything jobs datasets' },
  { label: 'Audit', href: '/admin/audit', icon: ScrollText, words: 'admin log' },
];

/** The caller's own account, in the sidebar. */
export const ACCOUNT: readonly NavigationItem[] = [
  { label: 'Profile', href: '/settings/profile', icon: UserRound },
  {
    label: 'Settings',
    href: '/settings/notifications',
    icon: Settings,
    also: ['/settings/api-keys', '/settings/audit', '/settings/appearance'],
  },
];

export const SETTINGS: readonly NavigationItem[] = [
  { label: 'Profile', href: '/settings/profile', icon: UserRound, words: 'account password e-mail' },
  { label: 'API keys', href: '/settings/api-keys', icon: KeyRound, words: 'tokens' },
  { label: 'Notifications', href: '/settings/notifications', icon: Bell, words: 'webhook' },
  { label: 'Security log', href: '/settings/audit', icon: ScrollText, words: 'audit trail log-ins' },
  { label: 'Appearance', href: '/settings/appearance', icon: Palette, words: 'theme dark light' },
];

/** What one can start from anywhere. */
export const ACTIONS: readonly NavigationItem[] = [
  { label: 'New training', href: '/jobs/new', icon: Activity, words: 'launch fine-tune qlora' },
  { label: 'Add dataset', href: '/datasets/new', icon: Database, words: 'upload recordings' },
  { label: 'New sweep', href: '/sweeps/new', icon: Network },
  { label: 'New pipeline', href: '/pipelines/new', icon: Workflow },
  { label: 'Compare jobs', href: '/jobs/compare', icon: Search },
];

export function isCurrent(item: NavigationItem, pathname: string): boolean {
  return [item.href, ...(item.also ?? [])].some((href) =>
    href === '/' ? pathname === '/' : pathname === href || pathname.startsWith(`${href}/`),
  );
}
