import { describe, expect, it } from '@jest/globals';

import { isId, newId, timeOfId } from './ids.ts';
import { nextUlid } from './ulid.ts';

// Later than any other test of this process has asked for.
const START_MS = Date.UTC(2150, 0, 1);

describe('a ULID', () => {
  it('sorts after the one before it, in one millisecond, in the next, and while the clock stands back', () => {
    const times = [...Array.from({ length: 3000 }, () => 0), 1, 1, 2, 1, 0, 2, 3].map((ms) => START_MS + ms);
    const ids = times.map((ms) => nextUlid(ms));
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('says when it was made, and has 80 bits that differ', () => {
    const [a, b] = [nextUlid(START_MS + 10_000), nextUlid(START_MS + 10_001)];
    expect(timeOfId('run', `run_${a}`)).toBe(START_MS + 10_000);
    expect(a.slice(10, 18)).not.toBe(b.slice(10, 18));
    expect(a.slice(18)).not.toBe(b.slice(18));
  });

  it('uses every digit, and random bytes only once', () => {
    const randoms = Array.from({ length: 500 }, (_, n) => nextUlid(START_MS + 20_000 + n).slice(10));
    expect(new Set(randoms).size).toBe(500);
    expect(new Set(randoms.join('')).size).toBe(32);
  });

  it('makes ids that are known as such', () => {
    const id = newId('run');
    expect(isId('run', id)).toBe(true);
    expect(isId('run', newId('version'))).toBe(false);
  });
});
