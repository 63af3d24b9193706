'use client';

import Link from 'next/link';
import { useSearchParams } from 'next/navigation';
import { Suspense } from 'react';
import { useForm } from 'react-hook-form';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { PasswordInput } from '@/components/ui/password-input';
import { useAuth } from '@/lib/auth/auth-provider';
import { showProblem } from '@/lib/problems';
import { resolverOnDemand } from '@/lib/resolver';
import { AuthCard } from '../auth-card';
import type { Values } from '../login-schema';

const resolver = resolverOnDemand<Values>(() => import('../login-schema'));

export function LoginScreen() {
  const { logIn } = useAuth();
  const form = useForm<Values>({
    resolver,
    defaultValues: { username_or_email: '', password: '' },
  });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit(async ({ username_or_email, password }) => {
    try {
      await logIn(username_or_email, password);
    } catch (error) {
      showProblem(form, error);
      form.setFocus('password', { shouldSelect: true });
    }
  });
  return (
    <AuthCard
      title="Log in"
      description="Welcome back."
      footer={
        <>
          No account yet?{' '}
          <Suspense>
            <SignUpLink />
          </Suspense>
        </>
      }
    >
      <form method="post" onSubmit={submit} noValidate className="grid gap-4">
        {errors.root && <Alert tone="danger">{errors.root.message}</Alert>}
        <FormField label="User name or e-mail" error={errors.username_or_email?.message}>
          <Input
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            {...form.register('username_or_email')}
          />
        </FormField>
        <FormField label="Password" error={errors.password?.message}>
          <PasswordInput autoComplete="current-password" {...form.register('password')} />
        </FormField>
        <Button type="submit" variant="primary" size="lg" busy={isSubmitting} className="mt-1">
          Log in
        </Button>
      </form>
    </AuthCard>
  );
}

/** Keeps where one was headed. */
function SignUpLink() {
  const next = useSearchParams().get('next');
  return (
    <Link
      href={next ? `/signup?next=${encodeURIComponent(next)}` : '/signup'}
      prefetch={false}
      className="rounded font-medium text-primary-text hover:underline"
    >
      Sign up
    </Link>
  );
}
