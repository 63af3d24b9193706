import { expect, test } from 'vitest';
import { auditDetails, auditWords } from './audit-words';

test('known events have words, unknown ones are readable', () => {
  expect(auditWords('logged_in')).toBe('Logged in');
  expect(auditWords('thing_stopped')).toBe('Thing stopped');
});

test('details are one line, without what is empty', () => {
  expect(auditDetails({ name: 'laptop', fields: ['email', 'username'], reason: '', count: 0 })).toBe(
    'name: laptop · fields: email, username · count: 0',
  );
});
