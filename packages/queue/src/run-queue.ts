import type { EnqueuedRun, OrganizationLimits, QueueCounts, QueueStanding, Service } from '@bullpen/core';
import type { Queue } from 'bullmq';

import type { LiveBus } from './live/live-bus.ts';
import type { RunUse } from './run-cost.ts';
import type { TakenRun } from './taken-run.ts';

/** Organizations that a worker cannot take another run of at the moment. */
export type FullOrganizations = () => readonly string[];

/** The runs of all organizations, each in a queue of its own, taken fairly. Delivery is at least once. */
export interface RunQueue extends Service {
  readonly backend: 'redis' | 'postgres';
  /** @throws BullpenError SERVICE_UNAVAILABLE */
  ping(): Promise<void>;
  /**
   * Adds runs, those of one organization all or none; a run that is queued already stays as it is. Those with the lower
   * `priority` come first, and among equals each `fairnessKey` gets its turn. Tries for about 5 s while the server is away.
   * A run whose job was completed is gone from the queue, so adding it again queues it again: that it is not executed
   * again is the database's doing.
   * @throws BullpenError SERVICE_UNAVAILABLE: then some of the runs may be queued all the same
   */
  enqueue(runs: readonly EnqueuedRun[]): Promise<void>;
  /**
   * 1 to `max` runs as soon as there is one; [] when `signal` aborts, or after a few idle seconds. Tries again, rather than
   * reject, while the server is away. What is completed meanwhile goes in the same round trip.
   * Several takes may be under way at once.
   * @param full - the organizations that the caller has no room for now: nothing of them is touched, and they are offered
   *   again, to any worker, a moment later or when one of their runs ends
   */
  take(max: number, signal: AbortSignal, full?: FullOrganizations): Promise<TakenRun[]>;
  /**
   * The run is over. Does nothing where the lease was lost.
   * @param used - what it cost its organization; where it is left out, what was estimated stands
   */
  complete(taken: TakenRun, used?: RunUse): Promise<void>;
  /** The same run again, not before `delayMs` have passed. Does nothing where the lease was lost. */
  retryLater(taken: TakenRun, delayMs: number, used?: RunUse): Promise<void>;
  /** A run that waits for a time (`retryLater`) may be taken now, before others of its organization. False where it waits for none. */
  bringForward(orgId: string, runId: string): Promise<boolean>;
  /**
   * Back to the front of its queue, unexecuted.
   * @param options.parkMs - the organization is not offered for so long, to any worker, unless one of its runs ends
   * @param options.used - what it used all the same; else nothing is charged for it
   */
  giveBack(taken: TakenRun, options?: { parkMs?: number; used?: RunUse }): Promise<void>;
  /**
   * Changes the limits that are given, for all workers, within a second. Runs that are active already stay.
   * Concurrency, rate and pause are BullMQ's own, so a stock tool sees them.
   */
  setLimits(orgId: string, patch: Partial<OrganizationLimits>): Promise<void>;
  getLimits(orgIds: readonly string[]): Promise<Map<string, OrganizationLimits>>;
  /** Where the organization stands, from the state that dispatch itself uses. */
  standing(orgId: string): Promise<QueueStanding>;
  /** Removes the organization's waiting and delayed runs; what is taken goes on. */
  drain(orgId: string): Promise<void>;
  /** Removes the organization's queue and limits: afterwards nothing of it is left, and what was taken is lost to its holder. */
  erase(orgId: string): Promise<void>;
  /** Removes a waiting or delayed run. False where it is neither. */
  remove(orgId: string, runId: string): Promise<boolean>;
  /** Those of `runIds` that are not in the queue: neither waiting, delayed nor taken. */
  missing(orgId: string, runIds: readonly string[]): Promise<string[]>;
  /** Offers these organizations to workers, in case something was left behind. */
  markReady(orgIds: readonly string[]): Promise<void>;
  counts(orgIds: readonly string[]): Promise<Map<string, QueueCounts>>;
  /** The stock BullMQ queue of an organization, on the shared connection; not to be closed. */
  bullQueue(orgId: string): Queue;
  /**
   * A live bus over this queue's connection (on Redis one more, to listen). To be started after the queue and stopped
   * before it.
   * @param name - shown in the server's list of connections
   */
  createLiveBus(name: string): LiveBus;
  /** Tells of runs that another worker may hold by now. @returns what ends the telling */
  onLeaseLost(listener: (taken: TakenRun) => void): () => void;
}
