'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { changeMe } from '@less-is-more/client';
import { useForm, useWatch } from 'react-hook-form';
import * as z from 'zod/mini';
import { Alert } from '@/components/ui/alert';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { PasswordInput } from '@/components/ui/password-input';
import { toast } from '@/components/ui/toast';
import { useAuth, useUser } from '@/lib/auth/auth-provider';
import { formatDate } from '@/lib/format';
import { showProblem } from '@/lib/problems';

const schema = z.object({
  username: z.string().check(z.trim(), z.minLength(3, 'Use at least 3 characters.')),
  email: z
    .string()
    .check(z.trim(), z.regex(/^\S+@\S+\.\S+$/, 'Enter an e-mail address, such as ada@example.org.')),
  current_password: z.string(),
});

export function ProfileCard() {
  const user = useUser();
  const { setUser } = useAuth();
  const saved = { username: user.username, email: user.email, current_password: '' };
  const form = useForm({ resolver: zodResolver(schema), mode: 'onTouched', defaultValues: saved });
  const { errors, isSubmitting, isDirty } = form.formState;
  const email = useWatch({ control: form.control, name: 'email' });
  const moves = email.trim() !== user.email;
  const submit = form.handleSubmit(async (values) => {
    try {
      const changed = await changeMe({
        body: {
          username: values.username,
          email: values.email,
          ...(moves && { current_password: values.current_password }),
        },
      });
      setUser(changed);
      form.reset({ username: changed.username, email: changed.email, current_password: '' });
      toast.success('Profile saved');
    } catch (error) {
      showProblem(form, error);
    }
  });
  return (
    <Card>
      <CardHeader
        title="Account"
        description={`Member since ${formatDate(user.created_at)}.`}
        actions={user.role === 'admin' && <Badge tone="primary">Administrator</Badge>}
      />
      <CardContent>
        <form method="post" onSubmit={submit} noValidate className="grid gap-4">
          {errors.root && <Alert tone="danger">{errors.root.message}</Alert>}
          <div className="grid gap-4 sm:grid-cols-2">
            <FormField label="User name" error={errors.username?.message}>
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
          </div>
          {moves && (
            <FormField
              label="Current password"
              description="A new address needs it: the address is how you get your account back."
              error={errors.current_password?.message}
            >
              <PasswordInput autoComplete="current-password" {...form.register('current_password')} />
            </FormField>
          )}
          <div>
            <Button type="submit" variant="primary" busy={isSubmitting} disabled={!isDirty}>
              Save changes
            </Button>
          </div>
        </form>
      </CardContent>
    </Card>
  );
}
