import type { Deadline, Faults } from '@bullpen/core';
import type { IQueueBackend } from 'bullmq';

import type { Dispatch } from './dispatch.ts';
import type { InnerOrderStore } from './inner-order.ts';
import type { JobStore } from './job-store.ts';
import type { LiveTransport } from './live/live-transport.ts';
import type { ReadySet } from './ready-set.ts';
import type { Standing } from './standing.ts';

/** Where the queues are kept. The one seam between Redis and Postgres; everything above it is shared. */
export interface Transport {
  readonly backend: 'redis' | 'postgres';
  /** @throws BullpenError SERVICE_UNAVAILABLE where the server cannot be reached. */
  open(settings: TransportSettings): Promise<OpenTransport>;
}

export interface TransportSettings {
  /** Shown in the server's list of connections. */
  name: string;
  leaseMs: number;
  /** Shortest time between two looks for stalled runs of one organization. */
  stalledCheckMs: number;
}

export interface OpenTransport {
  /** Siblings of it, one per organization, share its connections and its settings. */
  readonly root: IQueueBackend;
  readonly readySet: ReadySet;
  readonly innerOrder: InnerOrderStore;
  createDispatch(deps: { jobs: JobStore; faults: Faults }): Dispatch;
  /** Removes what BullMQ leaves of an erased queue, and the order of its runs. */
  eraseQueue(orgId: string): Promise<void>;
  /** What the keys of an organization's queue begin with. */
  prefixOf(orgId: string): string;
  standing(orgId: string): Promise<Standing>;
  /** For a live bus, over these connections where it can be. */
  openLive(name: string): LiveTransport;
  ping(): Promise<void>;
  /** Closes every connection; what is still under way by the deadline is cut off. */
  close(by: Deadline): Promise<void>;
}

/** Redelivery is capped by the database, which knows what was recorded; BullMQ must never fail a stalled run itself. */
export const UNLIMITED_STALLS = 1_000_000_000;
