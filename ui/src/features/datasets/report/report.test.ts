import { describe, expect, it } from 'vitest';
import type { Finding, Report } from '../types';
import { groupFindings, rejectedCsv } from './group';
import { histogramBars } from './histogram-bars';

const finding = (code: string, severity: Finding['severity'], path: string | null = 'a.wav'): Finding => ({
  code,
  severity,
  path,
  reason: `${code} found`,
  action: 'do this',
});

const report = (findings: Finding[]): Report => ({
  version: 1,
  status: 'ready',
  error: null,
  items_found: 10,
  items_good: 8,
  set_aside: [],
  validation: { findings, findings_by_code: {}, histograms: [], recommendations: [] },
});

describe('groupFindings', () => {
  it('shows what was left out first, and frequent kinds before rare ones', () => {
    const groups = groupFindings(
      report([
        finding('noisy', 'warning'),
        finding('no_speakers', 'dataset', null),
        finding('silent', 'set_aside'),
        finding('clipped', 'set_aside'),
        finding('clipped', 'set_aside', 'b.wav'),
      ]),
    );
    expect(groups.map(({ code, count }) => [code, count])).toEqual([
      ['clipped', 2],
      ['silent', 1],
      ['no_speakers', 1],
      ['noisy', 1],
    ]);
    expect(groups[0]?.examples.map(({ path }) => path)).toEqual(['a.wav', 'b.wav']);
  });
});

describe('rejectedCsv', () => {
  it('quotes, and keeps spreadsheets from running a path', () => {
    const rejected = {
      ...report([]),
      set_aside: [{ path: '=cmd()', code: 'silent', reason: 'a "b", c', action: 'd' }],
    };
    expect(rejectedCsv(rejected)).toBe('path,code,reason,what to do\n\'=cmd(),silent,"a ""b"", c",d\n');
  });
});

describe('histogramBars', () => {
  it('leaves out the empty ends, and keeps gaps between', () => {
    const bars = histogramBars({
      name: 'duration',
      unit: 's',
      edges: [0, 1, 2, 3, 4, 5, 6],
      counts: [0, 2, 0, 4, 0, 0],
      quantiles: {},
    });
    expect(bars.map(({ from, to, count, share }) => [from, to, count, share])).toEqual([
      [1, 2, 2, 0.5],
      [2, 3, 0, 0],
      [3, 4, 4, 1],
    ]);
  });
});
