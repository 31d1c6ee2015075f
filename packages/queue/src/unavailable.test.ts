import { describe, expect, it } from '@jest/globals';

import { isUnavailable, pause, retryWhileUnavailable } from './unavailable.ts';

const refused = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
/** A clock on which every look is a second later. */
const fastClock = () => {
  let nowMs = 0;
  return { nowMs: () => nowMs, monotonicMs: () => (nowMs += 1000) };
};

describe('a server that is away', () => {
  it.each([
    [refused()], [new Error('Connection is closed.')], [new Error('Reached the max retries per request limit (which is 3)')],
    [new Error('Connection terminated unexpectedly')], [new Error('timeout exceeded when trying to connect')],
    [Object.assign(new Error('shutting down'), { code: '57P01' })], [new Error('LOADING Redis is loading the dataset in memory')],
  ])('is known by %p', (thrown) => {
    expect(isUnavailable(thrown)).toBe(true);
  });

  it.each([[new Error('ERR wrong number of arguments')], [null], ['text'], [Object.assign(new Error('Missing lock'), { code: -2 })]])('is not meant by %p', (thrown) => {
    expect(isUnavailable(thrown)).toBe(false);
  });

  it('is tried again until it answers', async () => {
    let tries = 0;
    const clock = { nowMs: () => 0, monotonicMs: () => 0 };
    await expect(retryWhileUnavailable(clock, 'test', async () => {
      tries += 1;
      if (tries < 2) throw refused();
      return tries;
    })).resolves.toBe(2);
  });

  it('is given up on with SERVICE_UNAVAILABLE', async () => {
    await expect(retryWhileUnavailable(fastClock(), 'test', () => Promise.reject(refused()))).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });

  it('is not blamed for what another error means', async () => {
    await expect(retryWhileUnavailable(fastClock(), 'test', () => Promise.reject(new Error('ERR no')))).rejects.toThrow('ERR no');
  });
});

describe('a pause', () => {
  it('ends when its signal aborts', async () => {
    const abort = new AbortController();
    const paused = pause(3_600_000, abort.signal);
    abort.abort();
    await paused;
    await expect(pause(3_600_000, abort.signal)).resolves.toBeUndefined();
  });
});
