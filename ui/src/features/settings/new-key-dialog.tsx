'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { type ApiKeyBody, createApiKey } from '@less-is-more/client';
import { useEffect, useState } from 'react';
import { Controller, useForm } from 'react-hook-form';
import * as z from 'zod/mini';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { CodeBlock } from '@/components/ui/code-block';
import { Dialog } from '@/components/ui/dialog';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { PasswordInput } from '@/components/ui/password-input';
import { RadioCard, RadioGroup } from '@/components/ui/radio-group';
import { Select } from '@/components/ui/select';
import { useAuth } from '@/lib/auth/auth-provider';
import { showProblem } from '@/lib/problems';
import { SCOPES } from './scopes';

const schema = z.object({
  name: z.string().check(z.trim(), z.minLength(1, 'Say what it is for, such as the name of a program.')),
  scope: z.enum(['read', 'write', 'admin']),
  days: z.string(),
  current_password: z.string().check(z.minLength(1, 'Enter your password.')),
});
const EMPTY = { name: '', scope: 'write' as const, days: '90', current_password: '' };
const LIFETIMES = [
  { value: '7', label: '7 days' },
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'One year' },
];
const DAY_MS = 86_400_000;

interface NewKeyDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onCreated: () => unknown;
}

export function NewKeyDialog({ open, onOpenChange, onCreated }: NewKeyDialogProps) {
  const { isAdmin } = useAuth();
  const [secret, setSecret] = useState<string | null>(null);
  const form = useForm<z.infer<typeof schema>>({ resolver: zodResolver(schema), defaultValues: EMPTY });
  const { errors, isSubmitting } = form.formState;
  useEffect(() => {
    if (open) {
      setSecret(null);
      form.reset(EMPTY);
    }
  }, [open, form]);
  const submit = form.handleSubmit(async ({ name, scope, days, current_password }) => {
    // A minute short of a whole year: the platform's limit counts from when the request arrives.
    const expires_at = new Date(Date.now() + Number(days) * DAY_MS - 60_000).toISOString();
    const body: ApiKeyBody = { name, scope, current_password, expires_at };
    try {
      const created = await createApiKey({ body });
      setSecret(created.key ?? null);
      onCreated();
    } catch (error) {
      showProblem(form, error, (path) => (path === 'expires_at' ? 'days' : path));
    }
  });
  if (secret !== null) {
    return (
      <Dialog
        open={open}
        onOpenChange={onOpenChange}
        title="Copy your key now"
        description="It is shown only this once. Whoever has it can act as you."
        footer={
          <Button variant="primary" onClick={() => onOpenChange(false)}>
            I have copied it
          </Button>
        }
      >
        <div className="grid gap-3">
          <CodeBlock code={secret} title="API key" />
          <CodeBlock
            title="Shell"
            code={`curl -H "Authorization: Bearer ${secret}" ${window.location.origin}/api/v1/users/me`}
          />
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Create API key"
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>Cancel</Button>
          <Button variant="primary" busy={isSubmitting} onClick={submit}>
            Create key
          </Button>
        </>
      }
    >
      <form method="post" onSubmit={submit} noValidate className="grid gap-4">
        {errors.root && <Alert tone="danger">{errors.root.message}</Alert>}
        <FormField label="Name" description="What will use it." error={errors.name?.message}>
          <Input placeholder="Notebook on the lab machine" autoComplete="off" {...form.register('name')} />
        </FormField>
        <fieldset className="grid gap-1.5">
          <legend className="mb-1.5 font-medium text-sm">What it may do</legend>
          <Controller
            control={form.control}
            name="scope"
            render={({ field }) => (
              <RadioGroup aria-label="What it may do" value={field.value} onValueChange={field.onChange}>
                {(['read', 'write', 'admin'] as const)
                  .filter((scope) => scope !== 'admin' || isAdmin)
                  .map((scope) => (
                    <RadioCard key={scope} value={scope} {...SCOPES[scope]} />
                  ))}
              </RadioGroup>
            )}
          />
        </fieldset>
        <Controller
          control={form.control}
          name="days"
          render={({ field }) => (
            <FormField label="Expires after" error={errors.days?.message}>
              <Select value={field.value} onValueChange={field.onChange} options={LIFETIMES} />
            </FormField>
          )}
        />
        <FormField label="Your password" error={errors.current_password?.message}>
          <PasswordInput autoComplete="current-password" {...form.register('current_password')} />
        </FormField>
        <button type="submit" hidden aria-hidden tabIndex={-1} />
      </form>
    </Dialog>
  );
}
