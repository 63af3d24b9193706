'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { type NotificationSettingsOut, removeWebhook, setWebhook } from '@less-is-more/client';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import * as z from 'zod/mini';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { CodeBlock } from '@/components/ui/code-block';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { toast } from '@/components/ui/toast';
import { showProblem } from '@/lib/problems';
import { keys } from '@/lib/query-keys';

const schema = z.object({
  url: z.string().check(z.trim(), z.regex(/^https?:\/\/\S+$/, 'Enter an address that begins with https://.')),
});

export function WebhookCard({ webhook }: { webhook: NotificationSettingsOut['webhook'] }) {
  const queries = useQueryClient();
  const [secret, setSecret] = useState<string | null>(null);
  const [removing, setRemoving] = useState(false);
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { url: webhook?.url ?? '' } });
  const { errors, isSubmitting } = form.formState;
  const reload = () => queries.invalidateQueries({ queryKey: keys.settings('notifications') });
  const submit = form.handleSubmit(async (body) => {
    try {
      const set = await setWebhook({ body });
      setSecret(set.secret);
      toast.success('Webhook saved');
      await reload();
    } catch (error) {
      showProblem(form, error);
    }
  });
  return (
    <Card>
      <CardHeader
        title="Webhook"
        description="Each notification is also posted to this address as signed JSON, for a chat or a program of yours."
      />
      <CardContent>
        <form onSubmit={submit} noValidate className="grid gap-4">
          {errors.root && <Alert tone="danger">{errors.root.message}</Alert>}
          <FormField label="Address" error={errors.url?.message}>
            <Input
              type="url"
              placeholder="https://example.org/hooks/less-is-more"
              autoComplete="off"
              spellCheck={false}
              {...form.register('url')}
            />
          </FormField>
          {secret !== null && (
            <Alert tone="success" title="Signing secret, shown only this once">
              <p className="mb-2">
                Check the signature of each request with it, so that nobody else can post to your address.
              </p>
              <CodeBlock code={secret} title="Secret" />
            </Alert>
          )}
          <div className="flex flex-wrap gap-2">
            <Button type="submit" variant="primary" busy={isSubmitting}>
              {webhook ? 'Replace webhook' : 'Set webhook'}
            </Button>
            {webhook && (
              <Button variant="danger-ghost" onClick={() => setRemoving(true)}>
                Remove webhook
              </Button>
            )}
          </div>
        </form>
      </CardContent>
      <ConfirmDialog
        open={removing}
        onOpenChange={setRemoving}
        title="Remove the webhook?"
        description="Notifications are no longer posted to it. Those under the bell stay."
        action="Remove webhook"
        onConfirm={async () => {
          await removeWebhook();
          setSecret(null);
          form.reset({ url: '' });
          await reload();
        }}
      />
    </Card>
  );
}
