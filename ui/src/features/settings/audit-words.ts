/** What happened to an account, by the platform's names of security events. */
const WORDS: Record<string, string> = {
  signed_up: 'Account created',
  logged_in: 'Logged in',
  logged_out: 'Logged out',
  login_failed: 'Log-in refused: wrong password',
  password_changed: 'Password changed',
  password_refused: 'Change refused: wrong password',
  password_reset: 'Password reset started',
  password_set_anew: 'Password set with a reset token',
  profile_changed: 'Profile changed',
  role_changed: 'Role changed',
  api_key_created: 'API key created',
  api_key_deleted: 'API key deleted',
  api_keys_revoked: 'API keys revoked',
  logins_ended: 'Logins ended',
  refresh_token_reused: 'Login ended: its token was used twice',
  account_disabled: 'Account disabled',
  account_enabled: 'Account enabled',
  webhook_set: 'Webhook set',
  webhook_removed: 'Webhook removed',
  model_added: 'Model added',
  model_changed: 'Model changed',
  model_retired: 'Model retired',
};

/** Events that somebody should look at when they did not cause them. */
const NOTEWORTHY = new Set([
  'login_failed',
  'password_refused',
  'password_reset',
  'refresh_token_reused',
  'account_disabled',
]);

export function auditWords(action: string): string {
  if (WORDS[action]) return WORDS[action];
  const words = action.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function isNoteworthy(action: string): boolean {
  return NOTEWORTHY.has(action);
}

/** The details of an event, in one line: `name: laptop · scope: read`. */
export function auditDetails(data: Record<string, unknown>): string {
  return Object.entries(data)
    .filter(([, value]) => value !== null && value !== '')
    .map(([key, value]) => {
      const text = Array.isArray(value)
        ? value.join(', ')
        : typeof value === 'object'
          ? JSON.stringify(value)
          : value;
      return `${key.replaceAll('_', ' ')}: ${text}`;
    })
    .join(' · ');
}

/** The events that one can filter by. */
export const AUDIT_ACTIONS = Object.entries(WORDS).map(([value, label]) => ({ value, label }));
