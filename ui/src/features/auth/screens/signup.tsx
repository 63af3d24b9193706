'use client';

import { signup } from '@less-is-more/client';
import Link from 'next/link';
import { useForm, useWatch } from 'react-hook-form';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { PasswordInput } from '@/components/ui/password-input';
import { useAuth } from '@/lib/auth/auth-provider';
import { showProblem } from '@/lib/problems';
import { resolverOnDemand } from '@/lib/resolver';
import { AuthCard } from '../auth-card';
import type { Values } from '../signup-schema';
import { strengthOf } from '../strength';
import { StrengthMeter } from '../strength-meter';

const resolver = resolverOnDemand<Values>(() => import('../signup-schema'));

export function SignUpScreen() {
  const { logIn } = useAuth();
  const form = useForm<Values>({
    resolver,
    mode: 'onTouched',
    defaultValues: { username: '', email: '', password: '', confirmation: '' },
  });
  const { errors, isSubmitting } = form.formState;
  const [password, username] = useWatch({ control: form.control, name: ['password', 'username'] });
  const submit = form.handleSubmit(async ({ username, email, password }) => {
    try {
      await signup({ body: { username, email, password } });
      await logIn(username, password);
    } catch (error) {
      showProblem(form, error);
    }
  });
  return (
    <AuthCard
      title="Create your account"
      description="Bring recordings, leave with a better model."
      footer={
        <>
          Have an account?{' '}
          <Link
            href="/login"
            prefetch={false}
            className="rounded font-medium text-primary-text hover:underline"
          >
            Log in
          </Link>
        </>
      }
    >
      <form method="post" onSubmit={submit} noValidate className="grid gap-4">
        {errors.root && <Alert tone="danger">{errors.root.message}</Alert>}
        <FormField
          label="User name"
          description="Letters, digits, dots, dashes and underscores."
          error={errors.username?.message}
        >
          <Input
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            {...form.register('username')}
          />
        </FormField>
        <FormField label="E-mail" error={errors.email?.message}>
          <Input type="email" autoComplete="email" {...form.register('email')} />
        </FormField>
        <div className="grid gap-2">
          <FormField label="Password" error={errors.password?.message}>
            <PasswordInput autoComplete="new-password" {...form.register('password')} />
          </FormField>
          {password && <StrengthMeter strength={strengthOf(password, username)} />}
        </div>
        <FormField label="Repeat the password" error={errors.confirmation?.message}>
          <PasswordInput autoComplete="new-password" {...form.register('confirmation')} />
        </FormField>
        <Button type="submit" variant="primary" size="lg" busy={isSubmitting} className="mt-1">
          Create account
        </Button>
      </form>
    </AuthCard>
  );
}
