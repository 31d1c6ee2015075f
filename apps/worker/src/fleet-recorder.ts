import { messageOf, type Clock, type Logger, type WorkerSnapshot } from '@bullpen/core';
import { adminRecordWorker, type Database } from '@bullpen/db';

export interface FleetRecorder {
  record(snapshot: WorkerSnapshot): Promise<void>;
  /** The worker says goodbye. */
  stopped(): Promise<void>;
}

/**
 * Writes what the worker reports of itself into Postgres, every `everyMs` of the heartbeats it is given, and at once where
 * its state changed. The live bus tells who is alive; this is what remains when nobody listened. A report that cannot be
 * written is passed over: the next one says the same.
 */
export function createFleetRecorder(deps: { db: Database; clock: Clock; log: Logger; everyMs: number }): FleetRecorder {
  const { db, clock, log, everyMs } = deps;
  let last: WorkerSnapshot | null = null;
  let nextAtMs = -Infinity;

  const write = async (snapshot: WorkerSnapshot, state: WorkerSnapshot['state'] | 'stopped') => {
    await adminRecordWorker(db, snapshot, state).catch((error: unknown) => {
      log.warn({ reason: messageOf(error) }, 'fleet.not_recorded');
    });
  };
  return {
    async record(snapshot) {
      const isDue = clock.monotonicMs() >= nextAtMs || snapshot.state !== last?.state;
      last = snapshot;
      if (!isDue) return;
      nextAtMs = clock.monotonicMs() + everyMs;
      await write(snapshot, snapshot.state);
    },
    async stopped() {
      if (last !== null) await write(last, 'stopped');
      last = null;
    },
  };
}
