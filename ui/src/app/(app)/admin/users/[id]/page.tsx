import type { Metadata } from 'next';
import { UserDetailsScreen } from '@/features/admin/screens/user-details';

export { unknownId as generateStaticParams } from '@/lib/unknown-id';

export const metadata: Metadata = { title: 'User' };

export default function Page() {
  return <UserDetailsScreen />;
}
