import type { Metadata } from 'next';
import { LoginScreen } from '@/features/auth/screens/login';

export const metadata: Metadata = { title: 'Log in' };

export default function Page() {
  return <LoginScreen />;
}
