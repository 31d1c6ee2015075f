import { DEFAULT_ORGANIZATION_LIMITS, type OrganizationLimits } from '@bullpen/core';

import type { KeyShare, Rank, RunShape, Scenario, SimulatedShare, SimulationResult } from './scenario.ts';

/** One run of the simulation, from its arrival on. */
export interface SimulatedRun {
  readonly orgId: string;
  readonly runId: string;
  readonly shape: RunShape;
  readonly rank: Rank;
  readonly arrivedMs: number;
  startedMs: number;
  /** When the rate window ends in which it was taken; 0 without a rate limit. */
  windowEndMs: number;
}

/** What the ledger knows of one organization. */
interface Account {
  readonly limits: OrganizationLimits;
  waiting: number;
  running: number;
  memoryMb: number;
  started: number;
  waitSumMs: number;
  maxWaitMs: number;
  maxTurnMs: number;
  /** Since when its next run is its next one. */
  turnSinceMs: number;
  maxConcurrency: number;
  maxMemoryMb: number;
  windowEndMs: number;
  windowStarts: number;
  maxStartsPerWindow: number;
  keys: Map<string, KeyShare>;
  resourceSeconds: number;
  /** Counted among those that wait and may run. */
  isEligible: boolean;
}

/** Resources that a run holds while it runs: GB of memory plus cores. */
export function resourceRate({ memoryMb, cpuShare = 0 }: RunShape): number {
  return memoryMb / 1024 + cpuShare;
}

/**
 * Keeps the books of a simulation, apart from the scheduler's own: who waits, who runs, what each used, and how long a
 * slot idled while somebody waited that was allowed to run. All in constant time per event.
 */
export class Ledger {
  readonly #accounts = new Map<string, Account>();
  readonly #running = new Set<SimulatedRun>();
  readonly #slots: number;
  readonly #fromMs: number;
  readonly #untilMs: number;
  #eligible = 0;
  #busy = 0;
  #lastMs = 0;
  #busySlotMs = 0;
  #wastedSlotMs = 0;
  #started = 0;

  constructor({ organizations, workers, slotsPerWorker, measureFromMs = 0, untilMs }: Scenario) {
    this.#slots = workers * slotsPerWorker;
    this.#fromMs = measureFromMs;
    this.#untilMs = untilMs;
    for (const { id, limits } of organizations) this.#accounts.set(id, newAccount({ ...DEFAULT_ORGANIZATION_LIMITS, ...limits }));
  }

  arrive(run: SimulatedRun, nowMs: number): void {
    this.#passTime(nowMs);
    const account = this.#accounts.get(run.orgId)!;
    if (account.waiting === 0) account.turnSinceMs = nowMs;
    account.waiting += 1;
    this.#judge(account);
  }

  start(run: SimulatedRun, nowMs: number): void {
    this.#passTime(nowMs);
    const account = this.#accounts.get(run.orgId)!;
    account.waiting -= 1;
    account.running += 1;
    account.memoryMb += run.shape.memoryMb;
    account.started += 1;
    account.waitSumMs += nowMs - run.arrivedMs;
    account.maxWaitMs = Math.max(account.maxWaitMs, nowMs - run.arrivedMs);
    account.maxTurnMs = Math.max(account.maxTurnMs, nowMs - account.turnSinceMs);
    account.turnSinceMs = nowMs;
    account.maxConcurrency = Math.max(account.maxConcurrency, account.running);
    account.maxMemoryMb = Math.max(account.maxMemoryMb, account.memoryMb);
    countStart(account, run.windowEndMs);
    countKey(account, run, nowMs);
    run.startedMs = nowMs;
    this.#running.add(run);
    this.#busy += 1;
    this.#started += 1;
    this.#judge(account);
  }

  finish(run: SimulatedRun, nowMs: number): void {
    this.#passTime(nowMs);
    const account = this.#accounts.get(run.orgId)!;
    account.running -= 1;
    account.memoryMb -= run.shape.memoryMb;
    this.#charge(account, run, nowMs);
    this.#running.delete(run);
    this.#busy -= 1;
    this.#judge(account);
  }

  /** Closes the books. */
  close(): SimulationResult {
    this.#passTime(this.#untilMs);
    for (const run of this.#running) this.#charge(this.#accounts.get(run.orgId)!, run, this.#untilMs);
    const organizations = [...this.#accounts].map(([id, account]) => shareOf(id, account, this.#untilMs));
    const slotMs = this.#slots * (this.#untilMs - this.#fromMs);
    return { organizations, slotMs, busySlotMs: this.#busySlotMs, wastedSlotMs: this.#wastedSlotMs, started: this.#started };
  }

  #charge(account: Account, run: SimulatedRun, endMs: number): void {
    const measuredMs = Math.min(endMs, this.#untilMs) - Math.max(run.startedMs, this.#fromMs);
    account.resourceSeconds += (Math.max(0, measuredMs) / 1000) * resourceRate(run.shape);
  }

  #passTime(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - Math.max(this.#lastMs, this.#fromMs));
    this.#lastMs = nowMs;
    this.#busySlotMs += passedMs * this.#busy;
    this.#wastedSlotMs += passedMs * Math.min(this.#slots - this.#busy, this.#eligible);
  }

  #judge(account: Account): void {
    const { maxConcurrency, rate, maxMemoryInFlightMb, paused } = account.limits;
    const hasRoom = (maxConcurrency === null || account.running < maxConcurrency) && rate === null && maxMemoryInFlightMb === null && !paused;
    const isEligible = account.waiting > 0 && hasRoom;
    if (isEligible !== account.isEligible) this.#eligible += isEligible ? 1 : -1;
    account.isEligible = isEligible;
  }
}

/** Shared by those that have none: there may be a million of them. */
const NO_KEYS = new Map<string, KeyShare>();

function newAccount(limits: OrganizationLimits): Account {
  return {
    limits, waiting: 0, running: 0, memoryMb: 0, started: 0, waitSumMs: 0, maxWaitMs: 0, maxTurnMs: 0, turnSinceMs: 0,
    maxConcurrency: 0, maxMemoryMb: 0, windowEndMs: 0, windowStarts: 0, maxStartsPerWindow: 0, keys: NO_KEYS, resourceSeconds: 0, isEligible: false,
  };
}

/** By the queue's window: it may have been opened by a run that was taken and given back, and so before the first start. */
function countStart(account: Account, windowEndMs: number): void {
  if (windowEndMs === 0) return;
  if (account.windowEndMs !== windowEndMs) {
    account.windowEndMs = windowEndMs;
    account.windowStarts = 0;
  }
  account.windowStarts += 1;
  account.maxStartsPerWindow = Math.max(account.maxStartsPerWindow, account.windowStarts);
}

function countKey(account: Account, { rank: { fairnessKey }, arrivedMs }: SimulatedRun, nowMs: number): void {
  if (fairnessKey === undefined) return;
  if (account.keys === NO_KEYS) account.keys = new Map();
  const { started, maxWaitMs } = account.keys.get(fairnessKey) ?? { started: 0, maxWaitMs: 0 };
  account.keys.set(fairnessKey, { started: started + 1, maxWaitMs: Math.max(maxWaitMs, nowMs - arrivedMs) });
}

function shareOf(id: string, account: Account, endMs: number): SimulatedShare {
  const { resourceSeconds, started, waiting, waitSumMs, maxWaitMs, maxTurnMs, turnSinceMs, maxConcurrency, maxMemoryMb, maxStartsPerWindow, keys } = account;
  const openTurnMs = waiting > 0 ? endMs - turnSinceMs : 0;
  return {
    id, resourceSeconds, started, waiting, maxWaitMs, maxConcurrency, maxMemoryMb, maxStartsPerWindow, keys,
    meanWaitMs: started === 0 ? 0 : waitSumMs / started,
    maxTurnMs: Math.max(maxTurnMs, openTurnMs),
  };
}
