'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { setPassword } from '@less-is-more/client';
import { useForm, useWatch } from 'react-hook-form';
import * as z from 'zod/mini';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { FormField } from '@/components/ui/form-field';
import { PasswordInput } from '@/components/ui/password-input';
import { toast } from '@/components/ui/toast';
import { MIN_LENGTH, strengthOf } from '@/features/auth/strength';
import { StrengthMeter } from '@/features/auth/strength-meter';
import { useUser } from '@/lib/auth/auth-provider';
import { showProblem } from '@/lib/problems';

const schema = z
  .object({
    current_password: z.string().check(z.minLength(1, 'Enter your current password.')),
    new_password: z.string().check(z.minLength(MIN_LENGTH, `Use at least ${MIN_LENGTH} characters.`)),
    confirmation: z.string().check(z.minLength(1, 'Repeat the new password.')),
  })
  .check(
    z.refine(({ new_password, confirmation }) => new_password === confirmation, {
      path: ['confirmation'],
      message: 'The two passwords differ.',
    }),
  );
const EMPTY = { current_password: '', new_password: '', confirmation: '' };

export function PasswordCard() {
  const user = useUser();
  const form = useForm({ resolver: zodResolver(schema), mode: 'onTouched', defaultValues: EMPTY });
  const { errors, isSubmitting } = form.formState;
  const password = useWatch({ control: form.control, name: 'new_password' });
  const submit = form.handleSubmit(async ({ current_password, new_password }) => {
    try {
      await setPassword({ body: { current_password, new_password } });
      form.reset(EMPTY);
      toast.success('Password changed', { description: 'Every other login of this account has ended.' });
    } catch (error) {
      showProblem(form, error);
    }
  });
  return (
    <Card>
      <CardHeader
        title="Password"
        description="Changing it ends every other login of this account. API keys stay valid."
      />
      <CardContent>
        <form method="post" onSubmit={submit} noValidate className="grid gap-4">
          {errors.root && <Alert tone="danger">{errors.root.message}</Alert>}
          <input type="hidden" name="username" autoComplete="username" value={user.username} readOnly />
          <FormField label="Current password" error={errors.current_password?.message}>
            <PasswordInput autoComplete="current-password" {...form.register('current_password')} />
          </FormField>
          <div className="grid gap-4 sm:grid-cols-2">
            <div className="grid content-start gap-2">
              <FormField label="New password" error={errors.new_password?.message}>
                <PasswordInput autoComplete="new-password" {...form.register('new_password')} />
              </FormField>
              {password && <StrengthMeter strength={strengthOf(password, user.username)} />}
            </div>
            <FormField label="Repeat the new password" error={errors.confirmation?.message}>
              <PasswordInput autoComplete="new-password" {...form.register('confirmation')} />
            </FormField>
          </div>
          <div>
            <Button type="submit" variant="primary" busy={isSubmitting}>
              Change password
            </Button>
          </div>
        </form>
      </CardContent>
    </Card>
  );
}
