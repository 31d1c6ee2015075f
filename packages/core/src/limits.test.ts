import { describe, expect, it } from '@jest/globals';

import { isId, newId } from './ids.ts';
import { retryDelayMs } from './limits.ts';
import { waitSchema } from './run-schemas.ts';

describe('retry backoff', () => {
  const backoff = { baseMs: 100, maxMs: 1000, jitter: false };
  it('doubles up to its maximum', () => {
    expect([1, 2, 3, 4, 5, 50].map((attempt) => retryDelayMs(backoff, attempt, Math.random))).toEqual([100, 200, 400, 800, 1000, 1000]);
  });
  it('draws from the upper half with jitter', () => {
    expect(retryDelayMs({ ...backoff, jitter: true }, 2, () => 0)).toBe(100);
    expect(retryDelayMs({ ...backoff, jitter: true }, 2, () => 0.999)).toBe(200);
  });
});

describe('ids', () => {
  it('sort by creation, also within one millisecond', () => {
    const ids = Array.from({ length: 1000 }, () => newId('run'));
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every((id) => isId('run', id))).toBe(true);
    expect(isId('key', ids[0] ?? '')).toBe(false);
  });
});

describe('?wait=', () => {
  it.each([['30s', 30_000], ['1500ms', 1500], ['1m', 60_000], ['250', 250], ['10m', 60_000]])('reads %s', (text, ms) => {
    expect(waitSchema.parse(text)).toBe(ms);
  });
  it('refuses what is no duration', () => {
    expect(waitSchema.safeParse('soon').success).toBe(false);
  });
});
