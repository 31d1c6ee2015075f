import { describe, expect, it } from '@jest/globals';

import { AttemptEvents } from './attempt-events.ts';
import type { RunEvent } from './event-schemas.ts';
import { LimitGuard } from './limit-guard.ts';
import { SIZE_CAPS } from './limits.ts';

function intake() {
  const heard: RunEvent[] = [];
  const events = new AttemptEvents({ event: (event) => void heard.push(event) });
  return { heard, events };
}

const log = (message: string) => JSON.stringify({ type: 'log', level: 'info', message });

describe('the events of an attempt', () => {
  it('reach the sink in their order', () => {
    const { heard, events } = intake();
    for (const message of ['a', 'b', 'c']) events.take(log(message));
    events.finish(0);
    expect(heard.map((event) => event.type === 'log' && event.message)).toEqual(['a', 'b', 'c']);
    expect(events.fault).toBeNull();
  });

  it.each([
    ['has no shape of ours', '{"type":"say","message":"x"}', 'EVENT_NOT_STORABLE'],
    ['is not JSON', '{"type"', 'EVENT_NOT_STORABLE'],
    ['claims that events were dropped', '{"type":"dropped","count":1}', 'EVENT_NOT_STORABLE'],
    ['holds a NUL', log('a\u0000b'), 'EVENT_NOT_STORABLE'],
    ['holds a number beyond all numbers', '{"type":"emit","name":"n","data":1e999}', 'EVENT_NOT_STORABLE'],
    ['is larger than the cap', log('x'.repeat(SIZE_CAPS.eventBytes)), 'EVENT_TOO_LARGE'],
  ])('fail the attempt when one %s', (_, json, code) => {
    const { heard, events } = intake();
    events.take(json);
    events.take(log('afterwards'));
    expect(events.fault?.code).toBe(code);
    expect(heard).toEqual([]);
  });

  it('keep the first fault, and no code that is not of an event', () => {
    const { events } = intake();
    events.refuse('FORBIDDEN because');
    events.refuse('EVENT_TOO_LARGE later');
    expect(events.fault).toEqual({ code: 'EVENT_NOT_STORABLE', message: 'an event cannot be kept: because' });
  });

  it('are dropped beyond the cap, and the count is said last', () => {
    const { heard, events } = intake();
    for (let i = 0; i < SIZE_CAPS.eventsPerAttempt + 5; i += 1) events.take(log('x'));
    events.finish(37);
    expect(heard).toHaveLength(SIZE_CAPS.eventsPerAttempt + 1);
    expect(heard.at(-1)).toEqual({ type: 'dropped', count: 42 });
  });

  it('are dropped when they are too many bytes in all', () => {
    const { heard, events } = intake();
    const big = log('x'.repeat(60_000));
    const fitting = Math.ceil(SIZE_CAPS.eventBytesPerAttempt / big.length);
    for (let i = 0; i < fitting + 3; i += 1) events.take(big);
    events.finish(Number.NaN);
    expect(heard).toHaveLength(fitting + 1);
    expect(heard.at(-1)).toEqual({ type: 'dropped', count: 3 });
  });

  it('are held to a volume and a rate of the attempt\'s own, and what is beyond is dropped and counted', () => {
    const clock = { nowMs: 0 };
    const run = (limits: { logBytes?: number; eventsPerSecond?: number }, messages: readonly { atMs: number; text: string }[]) => {
      const heard: RunEvent[] = [];
      const guard = new LimitGuard({ limits: { timeoutMs: 1, memoryMb: 1, ...limits }, say: () => undefined, onBreach: () => undefined });
      const events = new AttemptEvents({ event: (event) => void heard.push(event) }, { guard, nowMs: () => clock.nowMs });
      for (const { atMs, text } of messages) {
        clock.nowMs = atMs;
        events.take(log(text));
      }
      events.finish(0);
      return { code: guard.breach?.code, kept: heard.filter(({ type }) => type === 'log').length, last: heard.at(-1) };
    };
    const three = [0, 400, 999].map((atMs) => ({ atMs, text: 'a' }));
    expect(run({ eventsPerSecond: 3 }, [...three, { atMs: 1000, text: 'b' }])).toMatchObject({ code: undefined, kept: 4 });
    expect(run({ eventsPerSecond: 2 }, three)).toEqual({ code: 'EVENT_RATE_EXCEEDED', kept: 2, last: { type: 'dropped', count: 1 } });
    expect(run({ logBytes: 2 * log('é').length + 2 }, [{ atMs: 0, text: 'é' }, { atMs: 0, text: 'é' }])).toMatchObject({ code: undefined, kept: 2 });
    expect(run({ logBytes: 2 * log('é').length + 1 }, [{ atMs: 0, text: 'é' }, { atMs: 0, text: 'é' }])).toMatchObject({ code: 'LOG_VOLUME_EXCEEDED', kept: 1 });
  });
});
