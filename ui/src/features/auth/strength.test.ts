import { expect, it } from 'vitest';
import { strengthOf } from './strength';

it('asks for ten characters first', () => {
  expect(strengthOf('Tr0ub4d&')).toEqual({ score: 0, label: 'Too short' });
});

it('sees through what guessers try first', () => {
  expect(strengthOf('password123').score).toBe(1);
  expect(strengthOf('aaaaaaaaaaaaaaa').score).toBe(1);
  expect(strengthOf('qwertyqwerty').score).toBe(1);
});

it('counts the own name as nothing', () => {
  expect(strengthOf('ada-lovelace', 'ada-lovelace').score).toBe(1);
  expect(strengthOf('ada-lovelace').score).toBeGreaterThan(1);
});

it('praises length', () => {
  expect(strengthOf('correct horse battery staple').label).toBe('Strong');
});
