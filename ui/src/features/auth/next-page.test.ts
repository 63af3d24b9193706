import { expect, it } from 'vitest';
import { nextPage } from './next-page';

it('goes back to the page one was at, with its query', () => {
  expect(nextPage(`?next=${encodeURIComponent('/jobs?status=running')}`)).toBe('/jobs?status=running');
});

it('leaves the site for nobody', () => {
  for (const next of [
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '',
  ]) {
    expect(nextPage(`?next=${encodeURIComponent(next)}`)).toBe('/');
  }
});

it('does not go round in circles', () => {
  expect(nextPage(`?next=${encodeURIComponent('/login?next=/jobs')}`)).toBe('/');
});
