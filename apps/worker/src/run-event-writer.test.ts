import { describe, expect, it } from '@jest/globals';
import { silentLogger, systemClock, type LiveRunMessage, type StoredRunEvent } from '@bullpen/core';
import type { ClaimedRun, RunStore } from '@bullpen/db';
import type { LiveBus } from '@bullpen/queue';

import { RunEventWriter } from './run-event-writer.ts';

const run = { orgId: 'acme', runId: 'run_1', lease: 2, attempt: 1 } as ClaimedRun;
const emit = (n: number) => ({ type: 'emit', name: 'n', data: n }) as const;

/** A writer whose store refuses as long as it is told to. */
function writerOver() {
  const store = { isAway: false, isFenced: false, tries: 0, kept: [] as StoredRunEvent[] };
  const live: LiveRunMessage[] = [];
  const writer = new RunEventWriter(run, {
    store: {
      async appendEvents({ events }: { events: readonly StoredRunEvent[] }) {
        if (store.isAway) throw new Error('Postgres is away');
        store.tries += 1;
        if (!store.isFenced) store.kept.push(...events);
        return !store.isFenced;
      },
    } as unknown as RunStore,
    bus: { publish: async (_: string, data: unknown) => void live.push(data as LiveRunMessage) } as LiveBus,
    clock: systemClock,
    log: silentLogger,
  });
  return { writer, store, live };
}

describe('the events of an attempt', () => {
  it('are kept in their order, numbered within the lease, and then told live', async () => {
    const { writer, store, live } = writerOver();
    for (let n = 0; n < 1200; n += 1) writer.say(emit(n));
    await writer.flush();
    expect(store.kept.map(({ seq }) => seq)).toEqual(Array.from({ length: 1200 }, (_, n) => 2_000_000 + n));
    expect(live.flatMap((message) => (message.kind === 'events' ? message.events : []))).toEqual(store.kept);
  });

  it('that could not be kept are counted, and the count is the next event that can be', async () => {
    const { writer, store } = writerOver();
    store.isAway = true;
    for (let n = 0; n < 3; n += 1) writer.say(emit(n));
    await writer.flush();
    store.isAway = false;
    writer.say(emit(3));
    await writer.flush();
    expect(store.kept.map(({ event }) => event)).toEqual([emit(3), { type: 'dropped', count: 3 }]);
    expect(new Set(store.kept.map(({ seq }) => seq)).size).toBe(2);
    await writer.flush();
    expect(store.kept).toHaveLength(2);
  });

  it('that could not be kept are told at the end, where nothing is said after them', async () => {
    const { writer, store } = writerOver();
    store.isAway = true;
    writer.say(emit(0));
    await writer.flush();
    expect(store.kept).toEqual([]);
    store.isAway = false;
    await writer.flush();
    expect(store.kept.map(({ event }) => event)).toEqual([{ type: 'dropped', count: 1 }]);
  });

  it('of a worker that lost the run are neither kept nor told, and not tried again', async () => {
    const { writer, store, live } = writerOver();
    writer.say(emit(0));
    await writer.flush();
    store.isFenced = true;
    for (let n = 1; n < 1200; n += 1) writer.say(emit(n));
    await writer.flush();
    writer.say(emit(1200));
    await writer.flush();
    expect([store.kept.length, store.tries, live.length]).toEqual([1, 2, 1]);
  });
});
