import type { Metadata } from 'next';
import { SignUpScreen } from '@/features/auth/screens/signup';

export const metadata: Metadata = { title: 'Sign up' };

export default function Page() {
  return <SignUpScreen />;
}
