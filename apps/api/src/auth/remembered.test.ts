import { describe, expect, it } from '@jest/globals';

import { Remembered, type Found } from './remembered.ts';

function setUp() {
  const asked: { key: string; answer: PromiseWithResolvers<Found<string> | null> }[] = [];
  const time = { ms: 0 };
  const remembered = new Remembered<string>({
    clock: { nowMs: () => time.ms, monotonicMs: () => time.ms },
    rememberMs: 100,
    read(key) {
      const answer = Promise.withResolvers<Found<string> | null>();
      asked.push({ key, answer });
      return answer.promise;
    },
  });
  return { remembered, asked, time };
}

describe('what is remembered', () => {
  it('is read once for all who ask meanwhile, and again when its time is over', async () => {
    const { remembered, asked, time } = setUp();
    const all = [remembered.get('a'), remembered.get('a'), remembered.get('a')];
    asked[0]?.answer.resolve({ value: 'first' });
    expect(await Promise.all(all)).toEqual(['first', 'first', 'first']);
    time.ms = 99;
    expect(await remembered.get('a')).toBe('first');
    expect(asked).toHaveLength(1);
    time.ms = 100;
    const later = remembered.get('a');
    asked[1]?.answer.resolve({ value: 'second' });
    expect(await later).toBe('second');
  });

  it('lives no longer than its reader says', async () => {
    const { remembered, asked, time } = setUp();
    const first = remembered.get('a');
    asked[0]?.answer.resolve({ value: 'first', livesMs: 10 });
    await first;
    time.ms = 10;
    void remembered.get('a');
    expect(asked).toHaveLength(2);
  });

  it('is not what was not there, nor a failure', async () => {
    const { remembered, asked } = setUp();
    const missing = remembered.get('a');
    asked[0]?.answer.resolve(null);
    expect(await missing).toBeNull();
    const failing = remembered.get('a');
    asked[1]?.answer.reject(new Error('away'));
    await expect(failing).rejects.toThrow('away');
    void remembered.get('a');
    expect(asked).toHaveLength(3);
  });

  it('is forgotten with what is being read: an answer from before is neither kept nor shared', async () => {
    const { remembered, asked } = setUp();
    const before = remembered.get('a');
    remembered.forget(() => true);
    const after = remembered.get('a');
    expect(asked).toHaveLength(2);
    asked[0]?.answer.resolve({ value: 'before' });
    expect(await before).toBe('before');
    const also = remembered.get('a');
    asked[1]?.answer.resolve({ value: 'after' });
    expect(await Promise.all([after, also])).toEqual(['after', 'after']);
    expect(await remembered.get('a')).toBe('after');
    expect(asked).toHaveLength(2);
  });

  it('is forgotten only where it is meant', async () => {
    const { remembered, asked } = setUp();
    const both = [remembered.get('a'), remembered.get('b')];
    for (const { key, answer } of asked) answer.resolve({ value: key });
    await Promise.all(both);
    remembered.forget((value) => value === 'a');
    void remembered.get('b');
    expect(asked).toHaveLength(2);
    void remembered.get('a');
    expect(asked).toHaveLength(3);
  });
});
