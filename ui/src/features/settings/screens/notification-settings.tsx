'use client';

import {
  changeNotificationSettings,
  type NotificationSettingsOut,
  readNotificationSettings,
} from '@less-is-more/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useId } from 'react';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { PageHeader } from '@/components/ui/page-header';
import { Skeleton } from '@/components/ui/skeleton';
import { Switch } from '@/components/ui/switch';
import { toast } from '@/components/ui/toast';
import { keys } from '@/lib/query-keys';
import { KINDS, type NotificationKind } from '../notification-kinds';
import { WebhookCard } from '../webhook-card';

export function NotificationSettingsScreen() {
  const { data, error, refetch } = useQuery({
    queryKey: keys.settings('notifications'),
    queryFn: ({ signal }) => readNotificationSettings({ signal }),
  });
  return (
    <>
      <PageHeader
        title="Notifications"
        description="What you hear about, here under the bell and through your webhook."
      />
      {error ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <div className="grid gap-6" aria-busy>
          <Skeleton className="h-64" />
          <Skeleton className="h-32" />
        </div>
      ) : (
        <div className="grid gap-6">
          <KindsCard settings={data} />
          <WebhookCard webhook={data.webhook} />
        </div>
      )}
    </>
  );
}

function KindsCard({ settings }: { settings: NotificationSettingsOut }) {
  const queries = useQueryClient();
  const id = useId();
  const all = KINDS.map(({ kind }) => kind);
  const chosen = settings.kinds ?? all;
  const key = keys.settings('notifications');
  const change = useMutation({
    mutationFn: (kinds: NotificationKind[]) =>
      changeNotificationSettings({ body: { kinds: kinds.length === all.length ? null : kinds } }),
    onMutate: (kinds) => {
      queries.setQueryData(key, { ...settings, kinds });
      return settings;
    },
    onError: (error, _, before) => {
      if (before) queries.setQueryData(key, before);
      toast.error(error);
    },
    onSuccess: (saved) => queries.setQueryData(key, saved),
  });
  return (
    <Card>
      <CardHeader title="Tell me when" />
      <CardContent>
        <ul className="divide-y">
          {KINDS.map(({ kind, title, description }) => (
            <li key={kind} className="flex items-center justify-between gap-4 py-2.5 first:pt-0 last:pb-0">
              <label htmlFor={`${id}-${kind}`} className="min-w-0">
                <span className="block font-medium text-sm">{title}</span>
                <span className="block text-muted-foreground text-xs">{description}</span>
              </label>
              <Switch
                id={`${id}-${kind}`}
                checked={chosen.includes(kind)}
                onCheckedChange={(on) =>
                  change.mutate(all.filter((each) => (each === kind ? on : chosen.includes(each))))
                }
              />
            </li>
          ))}
        </ul>
      </CardContent>
    </Card>
  );
}
