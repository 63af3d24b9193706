import { renderHook } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { useRequestKey } from './request-key';

describe('the key of a request', () => {
  it('is the same for two presses before anything is drawn, and new when the form changes', () => {
    const { result } = renderHook(() => useRequestKey());
    const press = result.current;
    const first = press({ split: 'test' });
    expect(press({ split: 'test' }).key).toBe(first.key);
    expect(press({ split: 'all' }).key).not.toBe(first.key);
  });

  it('survives a reload where the form keeps it', () => {
    const sent = { body: '{"a":1}', key: 'kept' };
    const { result } = renderHook(() => useRequestKey(sent));
    expect(result.current({ a: 1 }).key).toBe('kept');
  });
});
