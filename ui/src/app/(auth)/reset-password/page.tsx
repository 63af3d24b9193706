import type { Metadata } from 'next';
import { ResetPasswordScreen } from '@/features/auth/screens/reset-password';

export const metadata: Metadata = { title: 'New password' };

export default function Page() {
  return <ResetPasswordScreen />;
}
