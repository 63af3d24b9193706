import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatClock,
  formatDuration,
  formatMoney,
  formatNumber,
  formatOrdinal,
  formatPercent,
  formatRelative,
  formatWords,
  plural,
} from './format';

describe('formats', () => {
  it('shows sizes in binary units without a rounding that looks like 1024', () => {
    expect([0, 1, 1023, 1024, 1536, 1048575, 150 * 1024 ** 2].map(formatBytes)).toEqual([
      '0 B',
      '1 B',
      '1,023 B',
      '1 KiB',
      '1.5 KiB',
      '1 MiB',
      '150 MiB',
    ]);
    expect(formatBytes(null)).toBe('–');
  });

  it('shows durations by their two largest units', () => {
    expect([0.345, 9.96, 42, 59.7, 125, 3600, 3905, 90000].map(formatDuration)).toEqual([
      '0.35 s',
      '10 s',
      '42 s',
      '1 min 00 s',
      '2 min 05 s',
      '1 h 00 min',
      '1 h 05 min',
      '1 d 1 h',
    ]);
    expect(formatDuration(-5)).toBe('−5 s');
  });

  it('shows positions in recordings without 60 seconds', () => {
    expect([0, 5.25, 59.96, 65.3].map(formatClock)).toEqual(['0:00.0', '0:05.3', '1:00.0', '1:05.3']);
  });

  it('keeps tiny and huge values readable, and zero a zero', () => {
    expect([0, 0.5, 0.00001234, 123456, 123456789].map((value) => formatNumber(value))).toEqual([
      '0',
      '0.5',
      '1.23e-5',
      '123,500',
      '1.23e8',
    ]);
    expect(formatNumber(Number.NaN)).toBe('–');
  });

  it('shows shares, money, words and counts', () => {
    expect(formatPercent(0.1234)).toBe('12.3 %');
    expect(formatMoney(0.0123, 'EUR')).toBe('€0.0123');
    expect(formatMoney(12, 'EUR')).toBe('€12.00');
    expect(formatWords('speech_to_text')).toBe('Speech to text');
    expect([plural(1, 'job'), plural(2, 'job')]).toEqual(['1 job', '2 jobs']);
  });

  it('tells how long ago', () => {
    const now = new Date('2026-11-30T12:00:00Z');
    expect(formatRelative('2026-11-30T11:59:58Z', now)).toBe('just now');
    expect(formatRelative('2026-11-30T11:55:00Z', now)).toBe('5 minutes ago');
    expect(formatRelative('2026-11-29T11:00:00Z', now)).toBe('yesterday');
    expect(formatRelative('2026-11-30T14:00:00Z', now)).toBe('in 2 hours');
  });
});

it('says places in words', () => {
  expect([1, 2, 3, 4, 11, 12, 13, 21, 103, 1012].map(formatOrdinal)).toEqual([
    '1st',
    '2nd',
    '3rd',
    '4th',
    '11th',
    '12th',
    '13th',
    '21st',
    '103rd',
    '1,012th',
  ]);
});
