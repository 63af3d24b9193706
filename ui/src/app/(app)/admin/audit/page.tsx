import type { Metadata } from 'next';
import { AuditLogScreen } from '@/features/admin/screens/audit-log';

export const metadata: Metadata = { title: 'Audit' };

export default function Page() {
  return <AuditLogScreen />;
}
