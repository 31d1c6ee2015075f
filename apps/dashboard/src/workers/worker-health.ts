import type { WorkerSnapshot } from '@bullpen/core';

/** Heartbeats are sent every second; one that is this old was missed several times. */
export const LATE_HEARTBEAT_MS = 5000;

export type WorkerHealth = 'running' | 'quiescing' | 'late';

/** The worker's own word, unless it has not been heard of. */
export function workerHealth(worker: Pick<WorkerSnapshot, 'at' | 'state'>, serverMs: number): WorkerHealth {
  return serverMs - Date.parse(worker.at) > LATE_HEARTBEAT_MS ? 'late' : worker.state;
}
