'use client';

import { setPasswordAnew } from '@less-is-more/client';
import { useRouter } from 'next/navigation';
import { useEffect } from 'react';
import { useForm, useWatch } from 'react-hook-form';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { PasswordInput } from '@/components/ui/password-input';
import { toast } from '@/components/ui/toast';
import { showProblem } from '@/lib/problems';
import { resolverOnDemand } from '@/lib/resolver';
import { AuthCard } from '../auth-card';
import type { Values } from '../reset-password-schema';
import { strengthOf } from '../strength';
import { StrengthMeter } from '../strength-meter';

const resolver = resolverOnDemand<Values>(() => import('../reset-password-schema'));

/** A new password, with the single-use code from an administrator; the code may come in the address, behind `#`. */
export function ResetPasswordScreen() {
  const router = useRouter();
  const form = useForm<Values>({
    resolver,
    defaultValues: { reset_token: '', new_password: '' },
  });
  const { errors, isSubmitting } = form.formState;
  const password = useWatch({ control: form.control, name: 'new_password' });
  useEffect(() => {
    // Behind `#`, so that it stands in no log of a server; and not in the history either.
    const token = window.location.hash.slice(1);
    if (token) {
      form.setValue('reset_token', token);
      window.history.replaceState(null, '', window.location.pathname);
    }
  }, [form]);
  const submit = form.handleSubmit(async (body) => {
    try {
      await setPasswordAnew({ body });
      toast.success('The new password is set. Log in with it.');
      router.replace('/login');
    } catch (error) {
      showProblem(form, error);
    }
  });
  return (
    <AuthCard title="Set a new password" description="It ends every login of the account.">
      <form method="post" onSubmit={submit} noValidate className="grid gap-4">
        {errors.root && <Alert tone="danger">{errors.root.message}</Alert>}
        <FormField label="Reset code" error={errors.reset_token?.message}>
          <Input autoComplete="one-time-code" spellCheck={false} {...form.register('reset_token')} />
        </FormField>
        <div className="grid gap-2">
          <FormField label="New password" error={errors.new_password?.message}>
            <PasswordInput autoComplete="new-password" {...form.register('new_password')} />
          </FormField>
          {password && <StrengthMeter strength={strengthOf(password)} />}
        </div>
        <Button type="submit" variant="primary" size="lg" busy={isSubmitting}>
          Set password
        </Button>
      </form>
    </AuthCard>
  );
}
