import type { NotificationOut } from '@less-is-more/client';

const SECTIONS: Record<string, string> = {
  job: 'jobs',
  sweep: 'sweeps',
  dataset: 'datasets',
  pipeline: 'pipelines',
};

/** The page of what a notification is about. */
export function notificationHref(
  notification: Pick<NotificationOut, 'resource_type' | 'resource_id'>,
): string {
  const section = SECTIONS[notification.resource_type];
  return section ? `/${section}/${notification.resource_id}` : '/notifications';
}
