import type { Metadata } from 'next';
import { UserListScreen } from '@/features/admin/screens/user-list';

export const metadata: Metadata = { title: 'Users' };

export default function Page() {
  return <UserListScreen />;
}
