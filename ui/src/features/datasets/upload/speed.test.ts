import { describe, expect, it } from 'vitest';
import { Speed, timeLeftS } from './speed';

describe('Speed', () => {
  it('knows nothing before half a second', () => {
    const speed = new Speed();
    speed.add(0, 0);
    speed.add(1000, 400);
    expect(speed.perSecond()).toBeNull();
  });

  it('follows the last seconds, not the whole upload', () => {
    const speed = new Speed();
    for (let s = 0; s <= 60; s += 1) speed.add(Math.min(s, 30) * 1000 + Math.max(0, s - 30) * 100, s * 1000);
    expect(speed.perSecond()).toBeCloseTo(100, 0);
  });

  it('tells the time left, and none for a stalled connection', () => {
    expect(timeLeftS(1000, 100)).toBe(10);
    expect(timeLeftS(1000, 0)).toBeNull();
    expect(timeLeftS(1000, null)).toBeNull();
  });
});
