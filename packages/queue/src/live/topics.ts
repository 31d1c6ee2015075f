/** Topics of the live bus: words between dots. `*` in a pattern stands for one word. */

/** What a run says: `LiveRunMessage`. */
export function runTopic(orgId: string, runId: string): string {
  return `runs.${orgId}.${runId}`;
}

/** Cancels for the runs of one worker: `CancelMessage`. */
export function cancelTopic(workerId: string): string {
  return `workers.${workerId}.cancel`;
}

/** What an operator has a worker kill: `KillMessage`. */
export function killTopic(workerId: string): string {
  return `workers.${workerId}.kill`;
}

/** A worker's `WorkerSnapshot`, every second. */
export function heartbeatTopic(workerId: string): string {
  return `workers.${workerId}.heartbeat`;
}

/** The heartbeats of all workers. */
export const HEARTBEAT_PATTERN = 'workers.*.heartbeat';
