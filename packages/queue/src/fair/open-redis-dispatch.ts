import { noFaults, type Clock, type Deadline, type Logger } from '@bullpen/core';

import { BullJobStore } from '../bull-job-store.ts';
import type { Dispatch } from '../dispatch.ts';
import type { JobStore } from '../job-store.ts';
import type { ReadySet } from '../ready-set.ts';
import { createRedisTransport } from '../redis/transport.ts';

/** Long enough for a test never to lose a run. */
const LEASE_MS = 600_000;

/** What production's dispatch on Redis is put together from, by itself: to hold another implementation against it. */
export interface OpenDispatch {
  readonly dispatch: Dispatch;
  readonly readySet: ReadySet;
  readonly jobs: JobStore;
  close(by: Deadline): Promise<void>;
}

export async function openRedisDispatch({ url, prefix, clock, log }: { url: string; prefix: string; clock: Clock; log: Logger }): Promise<OpenDispatch> {
  const name = 'model';
  const transport = await createRedisTransport({ url, prefix, log, clock }).open({ name, leaseMs: LEASE_MS, stalledCheckMs: LEASE_MS });
  const jobs = new BullJobStore({ transport, workerName: name, clock });
  return { dispatch: transport.createDispatch({ jobs, faults: noFaults }), readySet: transport.readySet, jobs, close: (by) => transport.close(by) };
}
