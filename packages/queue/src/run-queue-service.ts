import { BullpenError, messageOf, type Clock, type Deadline, type EnqueuedRun, type Faults, type Logger, type OrganizationLimits, type QueueCounts, type QueueStanding } from '@bullpen/core';
import { Queue } from 'bullmq';

import { Adjuster } from './adjuster.ts';
import { BullJobStore, KEPT_EVENTS } from './bull-job-store.ts';
import { CostLedger } from './cost-ledger.ts';
import { InnerOrder } from './inner-order.ts';
import type { TakeResult } from './job-store.ts';
import { LeaseKeeper, type LeaseLostListener } from './lease-keeper.ts';
import { NextRuns } from './next-runs.ts';
import { withDefaults } from './organization-limits.ts';
import { createPeriodic, type Periodic } from './periodic.ts';
import type { AdjustmentNext } from './ready-set.ts';
import { queueNameOf } from './redis/keys.ts';
import type { RunUse } from './run-cost.ts';
import type { RunQueue } from './run-queue.ts';
import { RunTaker, takenRun } from './run-taker.ts';
import { Sweeper } from './sweeper.ts';
import type { TakenRun } from './taken-run.ts';
import type { OpenTransport, Transport } from './transport.ts';
import { retryWhileUnavailable, within } from './unavailable.ts';

export interface RunQueueDeps {
  transport: Transport;
  prefix: string;
  log: Logger;
  clock: Clock;
  faults: Faults;
  name: string;
  leaseMs: number;
  renewMs: number;
  sweepMs: number;
  /** Whether this process takes runs, and so renews leases and sweeps. */
  consumes: boolean;
}

/** What exists between start and stop. */
interface Running {
  transport: OpenTransport;
  jobs: BullJobStore;
  leases: LeaseKeeper;
  costs: CostLedger;
  adjuster: Adjuster;
  taker: RunTaker;
  nextRuns: NextRuns;
  timers: Periodic[];
  bullQueues: Map<string, Queue>;
}

/**
 * The run queue over any transport. It guarantees: an added run is handed out at least once, to one holder of a valid
 * lease at a time; after stop no timer and no connection of it is left, and a take that waited has resolved. It
 * releases no run at stop: whoever took one decides, and the lease expires where nobody does. Not guaranteed: that a
 * run is handed out once only.
 */
export class RunQueueService implements RunQueue {
  readonly #deps: RunQueueDeps;
  readonly #leaseLostListeners = new Set<LeaseLostListener>();
  #running: Running | null = null;
  #starting: Promise<void> | null = null;
  #stopping = new AbortController();
  #takes: Promise<unknown> = Promise.resolve();
  /** Of the last take: while it is not aborted, whoever completes a run will take another. */
  #taking: AbortSignal | null = null;
  #leaseCount = 0;
  readonly #tokenBase = crypto.randomUUID();

  constructor(deps: RunQueueDeps) {
    this.#deps = deps;
  }

  get backend(): 'redis' | 'postgres' {
    return this.#deps.transport.backend;
  }

  async start(): Promise<void> {
    this.#starting ??= this.#open().catch((thrown: unknown) => {
      this.#starting = null;
      throw thrown;
    });
    await this.#starting;
  }

  async quiesce(): Promise<void> {
    this.#stopping.abort();
    await this.#takes;
    await this.#running?.nextRuns.clear();
  }

  async stop(by: Deadline): Promise<void> {
    this.#stopping.abort();
    await this.#starting?.catch(() => undefined);
    const running = this.#running;
    if (!running) return;
    // While Redis is away these would wait for it.
    const settle = Promise.all([this.#takes, running.nextRuns.clear(), ...running.timers.map((timer) => timer.stop())]).then(() => Promise.all([running.taker.settled(), running.adjuster.settled()]));
    await within(by.remainingMs, 'stop', () => settle).catch(() => undefined);
    if (this.#running !== running) return;
    this.#running = null;
    this.#starting = null;
    await running.transport.close(by);
  }

  async ping(): Promise<void> {
    await this.#use().transport.ping();
  }

  async enqueue(runs: readonly EnqueuedRun[]): Promise<void> {
    const { jobs, transport } = this.#use();
    const { faults, clock } = this.#deps;
    const byOrganization = Map.groupBy(runs, (run) => run.orgId);
    await this.#retry('enqueue', () => Promise.all([...byOrganization].map(([orgId, some]) => jobs.add(orgId, some))));
    await faults.hit('after-job-before-ready');
    const now = runs.filter((run) => run.delayMs <= 0).map((run) => run.orgId);
    const later = runs.filter((run) => run.delayMs > 0).map((run) => ({ orgId: run.orgId, atMs: clock.nowMs() + run.delayMs }));
    await this.#retry('enqueue', async () => {
      await Promise.all([transport.readySet.markReady([...new Set(now)]), transport.readySet.schedule(later)]);
    });
  }

  /** One take at a time: the second waits for the first, since both would wait on the same connection. */
  take(max: number, signal: AbortSignal): Promise<TakenRun[]> {
    const { nextRuns } = this.#use();
    if (signal !== this.#taking) this.#taking = AbortSignal.any([signal, this.#stopping.signal]);
    const either = this.#taking;
    const most = Math.floor(max);
    const collected = either.aborted || most < 1 ? [] : nextRuns.collect(most);
    if (collected.length > 0) return Promise.resolve(collected);
    const take = this.#takes.then(() => (most < 1 ? [] : this.#takeNow(most, either)));
    this.#takes = take.catch(() => undefined);
    return take;
  }

  async complete(taken: TakenRun, used?: RunUse): Promise<void> {
    const { jobs, costs } = this.#use();
    const { orgId, runId, leaseToken } = taken;
    const leadSeconds = this.#taking?.aborted === false ? costs.leadAfterNext(taken, used) : -1;
    let next: TakeResult = { kind: 'empty' };
    try {
      await this.#let(taken, 'complete', async () => {
        if (leadSeconds < 0) return jobs.complete(orgId, runId, leaseToken);
        const completed = await jobs.completeAndTake(orgId, runId, leaseToken);
        next = completed.next;
        return completed.held;
      });
    } finally {
      void this.#adjust(taken, costs.close(taken, used), { kind: 'ended' });
    }
    await this.#follow(taken, next, leadSeconds);
  }

  async retryLater(taken: TakenRun, delayMs: number, used?: RunUse): Promise<void> {
    const { jobs, costs, transport } = this.#use();
    try {
      await this.#let(taken, 'retryLater', () => jobs.delay(taken.orgId, taken.runId, taken.leaseToken, delayMs));
    } finally {
      void this.#adjust(taken, costs.close(taken, used), { kind: 'ended' });
    }
    await this.#retry('retryLater', () => transport.readySet.schedule([{ orgId: taken.orgId, atMs: this.#deps.clock.nowMs() + delayMs }]));
  }

  async giveBack(taken: TakenRun, options: { parkMs?: number; used?: RunUse } = {}): Promise<void> {
    this.#use();
    const { parkMs = 0, used } = options;
    await this.#giveBack(taken, parkMs > 0 ? { kind: 'parked', untilMs: this.#deps.clock.nowMs() + parkMs } : { kind: 'returned' }, used);
  }

  async setLimits(orgId: string, patch: Partial<OrganizationLimits>): Promise<void> {
    const { jobs, transport: { readySet } } = this.#use();
    // BullMQ's first: when the ready set offers the organization again, its queue gives what the new limits allow.
    await this.#retry('setLimits', () => jobs.setLimits(orgId, patch));
    const heldMb = patch.maxMemoryInFlightMb ? await this.#retry('setLimits', () => jobs.activeMemoryMb(orgId)) : 0;
    await this.#retry('setLimits', () => readySet.setLimits(orgId, patch, heldMb));
  }

  async getLimits(orgIds: readonly string[]): Promise<Map<string, OrganizationLimits>> {
    const { transport } = this.#use();
    const kept = await this.#retry('getLimits', () => transport.readySet.limits(orgIds));
    return new Map(orgIds.map((orgId) => [orgId, kept.get(orgId) ?? withDefaults({})]));
  }

  async standing(orgId: string): Promise<QueueStanding> {
    const { jobs, transport } = this.#use();
    return this.#retry('standing', async () => {
      const [limits, counts, rateWindowMs, standing] = await Promise.all([
        this.getLimits([orgId]), jobs.counts(orgId), jobs.rateWindowMs(orgId), transport.standing(orgId),
      ]);
      return { limits: limits.get(orgId) ?? withDefaults({}), counts, rateWindowMs, ...standing };
    });
  }

  async drain(orgId: string): Promise<void> {
    const { jobs } = this.#use();
    await this.#retry('drain', () => jobs.drain(orgId));
  }

  async erase(orgId: string): Promise<void> {
    const { jobs, bullQueues, transport: { readySet } } = this.#use();
    await this.#retry('erase', () => jobs.erase(orgId));
    await this.#retry('erase', () => readySet.erase(orgId));
    bullQueues.delete(orgId);
  }

  async remove(orgId: string, runId: string): Promise<boolean> {
    const { jobs } = this.#use();
    return this.#retry('remove', () => jobs.remove(orgId, runId));
  }

  async missing(orgId: string, runIds: readonly string[]): Promise<string[]> {
    const { jobs } = this.#use();
    const live = await this.#retry('missing', () => Promise.all(runIds.map((runId) => jobs.isLive(orgId, runId))));
    return runIds.filter((_, i) => !live[i]);
  }

  async markReady(orgIds: readonly string[]): Promise<void> {
    const { transport } = this.#use();
    await this.#retry('markReady', () => transport.readySet.markReady([...new Set(orgIds)]));
  }

  async counts(orgIds: readonly string[]): Promise<Map<string, QueueCounts>> {
    const { jobs } = this.#use();
    const counts = await this.#retry('counts', () => Promise.all(orgIds.map((orgId) => jobs.counts(orgId))));
    return new Map(orgIds.map((orgId, i) => [orgId, counts[i]!]));
  }

  bullQueue(orgId: string): Queue {
    const { bullQueues, jobs } = this.#use();
    const made = bullQueues.get(orgId);
    if (made) return made;
    const backend = jobs.newBackend(orgId);
    const options = { connection: {}, prefix: this.#deps.prefix, skipMetasUpdate: true, streams: { events: { maxLen: KEPT_EVENTS } } };
    const queue = new Queue(queueNameOf(orgId), options, () => backend as never) as Queue;
    queue.on('error', (error) => this.#deps.log.warn({ orgId, error: messageOf(error) }, 'queue.bull_error'));
    bullQueues.set(orgId, queue);
    return queue;
  }

  onLeaseLost(listener: LeaseLostListener): () => void {
    this.#leaseLostListeners.add(listener);
    return () => void this.#leaseLostListeners.delete(listener);
  }

  async #open(): Promise<void> {
    const { prefix, log, clock, name, leaseMs, renewMs, sweepMs, consumes } = this.#deps;
    this.#stopping = new AbortController();
    const transport = await this.#deps.transport.open({ name, leaseMs, stalledCheckMs: Math.max(1, Math.floor(sweepMs / 2)) });
    const jobs = new BullJobStore({ transport, order: new InnerOrder(transport.innerOrder, () => clock.nowMs()), prefix, workerName: name, clock });
    const costs = new CostLedger(clock);
    const adjuster = new Adjuster({ readySet: transport.readySet, clock, log });
    const leases = new LeaseKeeper({ jobs, leaseMs, log, listeners: this.#leaseLostListeners });
    const sweeper = new Sweeper({ readySet: transport.readySet, jobs, everyMs: sweepMs, log });
    const timers = consumes
      ? [
          createPeriodic({ everyMs: renewMs, name: 'renew', log, act: () => this.#renew() }),
          createPeriodic({ everyMs: sweepMs, name: 'sweep', log, act: () => sweeper.sweep() }),
        ]
      : [];
    this.#running = { transport, jobs, leases, costs, adjuster, taker: this.#createTaker(transport, jobs, costs), nextRuns: new NextRuns((taken) => this.#giveBack(taken, { kind: 'returned' })), timers, bullQueues: new Map() };
    for (const timer of timers) timer.start();
  }

  async #takeNow(max: number, signal: AbortSignal): Promise<TakenRun[]> {
    const { taker, leases, nextRuns, adjuster } = this.#use();
    // So that the claim sees what has been used until now.
    await adjuster.flush();
    const enough = nextRuns.whenSome();
    const runs = await taker.take(max, signal, enough);
    for (const taken of runs) leases.keep(taken);
    return signal.aborted || runs.length === max ? runs : [...runs, ...nextRuns.collect(max - runs.length)];
  }

  /** What was taken together with the completion of a run takes its slot. */
  async #follow(before: TakenRun, next: TakeResult, leadSeconds: number): Promise<void> {
    const { jobs, costs, leases, nextRuns, taker } = this.#use();
    const { orgId, leaseToken } = before;
    if (next.kind === 'empty' && leadSeconds >= 0) taker.noteEmpty(orgId);
    if (next.kind === 'foreign') await this.#retry('complete', () => jobs.setAside(orgId, next.jobId, leaseToken, `not a run of Bullpen: ${next.reason}`));
    if (next.kind !== 'run') return;
    const taken = takenRun(orgId, next.job, leaseToken);
    costs.open(taken, 0, leadSeconds);
    leases.keep(taken);
    nextRuns.add(taken);
  }

  #createTaker({ readySet }: OpenTransport, jobs: BullJobStore, costs: CostLedger): RunTaker {
    const { clock, log, faults } = this.#deps;
    return new RunTaker({
      readySet,
      jobs,
      costs,
      clock,
      log,
      faults,
      newLeaseToken: () => `${this.#tokenBase}:${(this.#leaseCount += 1)}`,
      giveBack: (taken) => this.#giveBack(taken, { kind: 'returned' }),
    });
  }

  /** Leases go on, and are paid for: a run that lasts is charged while it lasts, not only when it ends. */
  async #renew(): Promise<void> {
    const { leases, costs, adjuster } = this.#use();
    const charges = costs.accrue().map((charge) => ({ ...charge, freedMb: 0, next: { kind: 'running' } as const }));
    await Promise.all([leases.renew(), adjuster.add(...charges)]);
  }

  async #giveBack(taken: TakenRun, next: AdjustmentNext, used?: RunUse): Promise<void> {
    const { jobs, costs } = this.#use();
    try {
      await this.#let(taken, 'giveBack', () => jobs.giveBack(taken.orgId, taken.runId, taken.leaseToken));
    } finally {
      await this.#adjust(taken, costs.cancel(taken, used), next);
    }
  }

  #adjust({ orgId, memoryMb }: TakenRun, chargeSeconds: number, next: AdjustmentNext): Promise<void> {
    return this.#running?.adjuster.add({ orgId, chargeSeconds, freedMb: memoryMb, next }) ?? Promise.resolve();
  }

  /** Lets go of a run. Where that fails for good the lease is not renewed any more, so that the run comes back by itself. */
  async #let(taken: TakenRun, what: string, act: () => Promise<boolean>): Promise<void> {
    const { leases } = this.#use();
    try {
      const held = await this.#retry(what, act);
      if (!held) this.#deps.log.info({ orgId: taken.orgId, runId: taken.runId, what }, 'queue.lease_was_lost');
    } finally {
      leases.release(taken);
    }
  }

  #retry<T>(what: string, act: () => Promise<T>): Promise<T> {
    return retryWhileUnavailable(this.#deps.clock, what, act);
  }

  #use(): Running {
    if (this.#running) return this.#running;
    const stopped = this.#stopping.signal.aborted;
    throw new BullpenError(stopped ? 'SHUTTING_DOWN' : 'SERVICE_UNAVAILABLE', `the queue is ${stopped ? 'stopped' : 'not started'}`);
  }
}
