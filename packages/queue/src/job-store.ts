import type { OrganizationLimits } from '@bullpen/core';

import type { RunGroup } from './dispatch.ts';

/** What taking from one queue gave. */
export type TakeResult =
  /** `isLast`: nothing is left to take; undefined where the store cannot tell. */
  | { kind: 'run'; job: TakenJob; isLast?: boolean }
  | { kind: 'foreign'; jobId: string; reason: string }
  | { kind: 'later'; atMs: number }
  | { kind: 'empty' };

export interface TakenJob {
  runId: string;
  memoryMb: number;
  agent?: string;
  version?: number;
  /** The job had been handed out before. */
  redelivered: boolean;
}

export interface JobCounts {
  waiting: number;
  delayed: number;
  active: number;
}

/** The jobs of every organization. An interface, so that a simulation can stand in for the queues. */
export interface JobStore {
  /** Adds runs of one organization in their order, all or none; one whose job exists is left as it is. */
  add(group: RunGroup): Promise<void>;
  /** Takes the next run under a lease. */
  take(orgId: string, leaseToken: string): Promise<TakeResult>;
  /** Removes an active job. False where the caller no longer held it. */
  complete(orgId: string, runId: string, leaseToken: string): Promise<boolean>;
  /** Sets aside, as failed, a job that is none of ours; bull-board shows it. */
  setAside(orgId: string, jobId: string, leaseToken: string, reason: string): Promise<void>;
  delay(orgId: string, runId: string, leaseToken: string, delayMs: number): Promise<boolean>;
  /** To the front. */
  giveBack(orgId: string, runId: string, leaseToken: string): Promise<boolean>;
  /** A delayed job waits from now on, before those that no priority orders. False where it is not delayed. */
  bringForward(orgId: string, runId: string): Promise<boolean>;
  remove(orgId: string, runId: string): Promise<boolean>;
  /** Removes all that waits or is delayed. */
  drain(orgId: string): Promise<void>;
  /** Removes the queue: all runs in it, what is active too, and all else that is kept for it. */
  erase(orgId: string): Promise<void>;
  isLive(orgId: string, runId: string): Promise<boolean>;
  counts(orgId: string): Promise<JobCounts>;
  /** Delayed jobs whose time has come. */
  overdue(orgId: string): Promise<number>;
  /** What the active runs hold, MB. */
  activeMemoryMb(orgId: string): Promise<number>;
  /** Puts the limits that BullMQ itself enforces into the queue's meta. */
  setLimits(orgId: string, patch: Partial<OrganizationLimits>): Promise<void>;
  /** How long the rate window that is used up still lasts, ms; 0 where it is open. */
  rateWindowMs(orgId: string): Promise<number>;
  /** Puts runs whose lease expired back to waiting; one is found on the second look at the earliest. @returns their ids. */
  recoverStalled(orgId: string): Promise<string[]>;
}
