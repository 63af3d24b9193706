'use client';

import {
  deleteUserApiKeys,
  disableUser,
  enableUser,
  endUserLogins,
  readUser,
  resetUserPassword,
} from '@less-is-more/client';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useState } from 'react';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { CodeBlock } from '@/components/ui/code-block';
import { ConfirmDialog } from '@/components/ui/confirm-dialog';
import { Dialog } from '@/components/ui/dialog';
import { ErrorState } from '@/components/ui/error-state';
import { KeyValues } from '@/components/ui/key-values';
import { PageHeader } from '@/components/ui/page-header';
import { RelativeTime } from '@/components/ui/relative-time';
import { Skeleton } from '@/components/ui/skeleton';
import { StatusBadge } from '@/components/ui/status-badge';
import { toast } from '@/components/ui/toast';
import { useUser } from '@/lib/auth/auth-provider';
import { formatCount, formatDateTime } from '@/lib/format';
import { keys } from '@/lib/query-keys';
import { useRouteId } from '@/lib/route-id';
import { AdminOnly } from '../admin-only';
import { DisableDialog } from '../disable-dialog';

type Action = 'disable' | 'enable' | 'reset' | 'logins' | 'keys';
const CRUMBS = [{ label: 'Users', href: '/admin/users' }];

export function UserDetailsScreen() {
  return (
    <AdminOnly title="User">
      <UserDetails />
    </AdminOnly>
  );
}

function UserDetails() {
  const id = useRouteId();
  const me = useUser();
  const queries = useQueryClient();
  const [action, setAction] = useState<Action | null>(null);
  const [token, setToken] = useState<{ token: string; expires_at: string } | null>(null);
  const {
    data: user,
    error,
    refetch,
  } = useQuery({
    queryKey: keys.adminUsers.one(id),
    queryFn: ({ signal }) => readUser({ path: { user_id: id }, signal }),
    enabled: id !== '',
  });
  if (error) return <ErrorState error={error} onRetry={() => void refetch()} />;
  if (!user) return <Skeleton className="h-64" />;
  const path = { user_id: id };
  const isMe = user.id === me.id;
  const done = async (words: string) => {
    toast.success(words);
    await queries.invalidateQueries({ queryKey: keys.adminUsers.all() });
  };
  const close = (open: boolean) => !open && setAction(null);
  return (
    <>
      <PageHeader
        title={user.username}
        crumbs={CRUMBS}
        description={user.email}
        badge={
          <>
            {user.role === 'admin' && <Badge tone="primary">Administrator</Badge>}
            {user.disabled_at && <StatusBadge status="disabled" />}
          </>
        }
        actions={
          <Button asChild>
            <Link href={`/admin/audit?user=${user.id}`} prefetch={false}>
              Audit of this user
            </Link>
          </Button>
        }
      />
      <div className="grid items-start gap-6 lg:grid-cols-2">
        <Card>
          <CardHeader title="Account" />
          <CardContent>
            <KeyValues
              items={[
                ['Signed up', <RelativeTime key="created" time={user.created_at} />],
                [
                  'Disabled',
                  user.disabled_at ? <RelativeTime key="disabled" time={user.disabled_at} /> : null,
                ],
                ['Valid logins', formatCount(user.logins)],
                ['API keys', formatCount(user.api_keys)],
                [
                  'Password reset open until',
                  user.reset_expires_at ? formatDateTime(user.reset_expires_at) : null,
                ],
              ]}
            />
          </CardContent>
        </Card>
        <Card>
          <CardHeader title="What it has" />
          <CardContent>
            <KeyValues
              items={(
                [
                  ['Jobs', 'jobs', user.jobs],
                  ['Datasets', 'datasets', user.datasets],
                  ['Pipelines', 'pipelines', user.pipelines],
                  ['Adapters', 'adapters', user.adapters],
                ] as const
              ).map(([label, kind, count]) => [
                label,
                <Link
                  key={kind}
                  href={`/admin/resources?kind=${kind}&user=${user.id}`}
                  prefetch={false}
                  className="rounded text-primary-text hover:underline"
                >
                  {formatCount(count)}
                  {kind === 'jobs' &&
                    user.unfinished_jobs > 0 &&
                    `, ${formatCount(user.unfinished_jobs)} not finished`}
                </Link>,
              ])}
            />
          </CardContent>
        </Card>
        <Card className="lg:col-span-2">
          <CardHeader
            title="Access"
            description="Everything done here is recorded in the audit trail, which the owner can read."
          />
          <CardContent className="flex flex-wrap gap-2">
            <Button onClick={() => setAction('reset')}>Reset password</Button>
            <Button onClick={() => setAction('logins')} disabled={user.logins === 0}>
              End all logins
            </Button>
            <Button onClick={() => setAction('keys')} disabled={user.api_keys === 0}>
              Revoke API keys
            </Button>
            {user.disabled_at ? (
              <Button variant="primary" onClick={() => setAction('enable')}>
                Enable account
              </Button>
            ) : (
              <Button variant="danger" onClick={() => setAction('disable')} disabled={isMe}>
                Disable account
              </Button>
            )}
          </CardContent>
        </Card>
      </div>
      <DisableDialog
        open={action === 'disable'}
        onOpenChange={close}
        username={user.username}
        onConfirm={async (body) => {
          await disableUser({ path, body });
          await done(`${user.username} is disabled`);
        }}
      />
      <ConfirmDialog
        open={action === 'enable'}
        onOpenChange={close}
        title={`Enable ${user.username}?`}
        description="The user can log in again. Stopped jobs stay stopped until they are resumed."
        action="Enable account"
        danger={false}
        onConfirm={async () => {
          await enableUser({ path });
          await done(`${user.username} is enabled`);
        }}
      />
      <ConfirmDialog
        open={action === 'logins'}
        onOpenChange={close}
        title={`End all logins of ${user.username}?`}
        description="The user must log in again everywhere. API keys stay valid."
        action="End logins"
        onConfirm={async () => {
          await endUserLogins({ path });
          await done('Logins ended');
        }}
      />
      <ConfirmDialog
        open={action === 'keys'}
        onOpenChange={close}
        title={`Revoke all API keys of ${user.username}?`}
        description="Programs that use them are refused from now on. This cannot be undone."
        action="Revoke keys"
        onConfirm={async () => {
          await deleteUserApiKeys({ path });
          await done('API keys revoked');
        }}
      />
      <ConfirmDialog
        open={action === 'reset'}
        onOpenChange={close}
        title={`Reset the password of ${user.username}?`}
        description="You get a token to hand over. With it the user sets a new password; until then the old one works."
        action="Create reset token"
        danger={false}
        onConfirm={async () => {
          const reset = await resetUserPassword({ path });
          setToken({ token: reset.reset_token, expires_at: reset.expires_at });
          await queries.invalidateQueries({ queryKey: keys.adminUsers.all() });
        }}
      />
      <Dialog
        open={token !== null}
        onOpenChange={(open) => !open && setToken(null)}
        title="Hand this over now"
        description={`It is shown only this once, works once, and until ${formatDateTime(token?.expires_at)}.`}
        footer={
          <Button variant="primary" onClick={() => setToken(null)}>
            Done
          </Button>
        }
      >
        {token && (
          <CodeBlock title="Link" code={`${window.location.origin}/reset-password?token=${token.token}`} />
        )}
      </Dialog>
    </>
  );
}
