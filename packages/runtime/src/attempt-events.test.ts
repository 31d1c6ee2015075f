import { describe, expect, it } from '@jest/globals';
import { SIZE_CAPS, type RunEvent } from '@bullpen/core';

import { AttemptEvents } from './attempt-events.ts';

function intake() {
  const heard: RunEvent[] = [];
  const events = new AttemptEvents({ started: () => undefined, event: (event) => void heard.push(event) });
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
});
