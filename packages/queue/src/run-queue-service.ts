import { BullpenError, messageOf, type Clock, type Deadline, type EnqueuedRun, type Faults, type Logger, type OrganizationLimits, type QueueCounts, type QueueStanding } from '@bullpen/core';
import { Queue } from 'bullmq';

import { Adjuster } from './adjuster.ts';
import { BullJobStore } from './bull-job-store.ts';
import { KEPT_EVENTS } from './bull-jobs.ts';
import { CostLedger } from './cost-ledger.ts';
import type { ChargedRun, Dispatch } from './dispatch.ts';
import { InnerOrder } from './inner-order.ts';
import { LeaseKeeper, type LeaseLostListener, type LeaseThread } from './leases/lease-keeper.ts';
import type { LeaseNews } from './leases/lease-renewal.ts';
import { TransportedLiveBus, type LiveBus } from './live/live-bus.ts';
import { withDefaults } from './organization-limits.ts';
import { createPeriodic, type Periodic } from './periodic.ts';
import type { AdjustmentNext } from './ready-set.ts';
import { queueNameOf } from './redis/keys.ts';
import type { RunUse } from './run-cost.ts';
import type { FullOrganizations, RunQueue } from './run-queue.ts';
import { RunTaker } from './run-taker.ts';
import { Sweeper } from './sweeper.ts';
import type { TakenRun } from './taken-run.ts';
import type { OpenTransport, Transport } from './transport.ts';
import { Turns } from './turns.ts';
import { retryWhileUnavailable, within } from './unavailable.ts';

export interface RunQueueDeps {
  transport: Transport;
  /** Renews leases from a thread of its own. */
  startLeaseThread: (memory: readonly SharedArrayBuffer[], hear: (news: LeaseNews) => void) => LeaseThread;
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
  order: InnerOrder;
  dispatch: Dispatch;
  turns: Turns;
  taker: RunTaker;
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
  readonly #takes = new Set<Promise<void>>();

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
    await Promise.all(this.#takes);
  }

  async stop(by: Deadline): Promise<void> {
    this.#stopping.abort();
    await this.#starting?.catch(() => undefined);
    const running = this.#running;
    if (!running) return;
    // While Redis is away these would wait for it.
    const settle = Promise.all([...this.#takes, ...running.timers.map((timer) => timer.stop())]).then(() => Promise.all([running.turns.settled(), running.adjuster.settled()]));
    await within(by.remainingMs, 'stop', () => settle).catch(() => undefined);
    if (this.#running !== running) return;
    this.#running = null;
    this.#starting = null;
    await Promise.all([running.leases.stop(by), running.transport.close(by)]);
  }

  async ping(): Promise<void> {
    await this.#use().transport.ping();
  }

  async enqueue(runs: readonly EnqueuedRun[]): Promise<void> {
    const { dispatch, order } = this.#use();
    const byOrganization = Map.groupBy(runs, (run) => run.orgId);
    await this.#retry('enqueue', async () => {
      await dispatch.enqueue(await order.groupsOf(byOrganization));
    });
  }

  async take(max: number, signal: AbortSignal, full?: FullOrganizations): Promise<TakenRun[]> {
    this.#use();
    const most = Math.floor(max);
    if (most < 1) return [];
    const take = this.#takeNow(most, AbortSignal.any([signal, this.#stopping.signal]), full);
    const settled = take.then(() => undefined, () => undefined);
    this.#takes.add(settled);
    void settled.then(() => this.#takes.delete(settled));
    return take;
  }

  async complete(taken: TakenRun, used?: RunUse): Promise<void> {
    const { costs, turns } = this.#use();
    const end = costs.close(taken, used);
    await this.#let(taken, 'complete', () => turns.end(end));
  }

  async retryLater(taken: TakenRun, delayMs: number, used?: RunUse): Promise<void> {
    const { jobs, costs, transport } = this.#use();
    try {
      await this.#let(taken, 'retryLater', () => this.#retry('retryLater', () => jobs.delay(taken.orgId, taken.runId, taken.leaseToken, delayMs)));
    } finally {
      void this.#adjust(taken, costs.close(taken, used).owedSeconds, { kind: 'ended' });
    }
    await this.#retry('retryLater', () => transport.readySet.schedule([{ orgId: taken.orgId, atMs: this.#deps.clock.nowMs() + delayMs }]));
  }

  async bringForward(orgId: string, runId: string): Promise<boolean> {
    const { jobs } = this.#use();
    if (!(await this.#retry('bringForward', () => jobs.bringForward(orgId, runId)))) return false;
    await this.markReady([orgId]);
    return true;
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
    const { bullQueues, jobs, transport } = this.#use();
    const made = bullQueues.get(orgId);
    if (made) return made;
    const backend = jobs.newBackend(orgId);
    const options = { connection: {}, prefix: transport.prefixOf(orgId), skipMetasUpdate: true, streams: { events: { maxLen: KEPT_EVENTS } } };
    const queue = new Queue(queueNameOf(orgId), options, () => backend as never) as Queue;
    queue.on('error', (error) => this.#deps.log.warn({ orgId, error: messageOf(error) }, 'queue.bull_error'));
    bullQueues.set(orgId, queue);
    return queue;
  }

  createLiveBus(name: string): LiveBus {
    return new TransportedLiveBus({ open: async () => this.#use().transport.openLive(name), log: this.#deps.log });
  }

  onLeaseLost(listener: LeaseLostListener): () => void {
    this.#leaseLostListeners.add(listener);
    return () => void this.#leaseLostListeners.delete(listener);
  }

  async #open(): Promise<void> {
    const { log, clock, faults, name, leaseMs, renewMs, sweepMs, consumes } = this.#deps;
    this.#stopping = new AbortController();
    const transport = await this.#deps.transport.open({ name, leaseMs, stalledCheckMs: Math.max(1, Math.floor(sweepMs / 2)) });
    const jobs = new BullJobStore({ transport, workerName: name, clock });
    const dispatch = transport.createDispatch({ jobs, faults });
    const turns = new Turns({ dispatch, clock });
    const costs = new CostLedger(clock);
    const adjuster = new Adjuster({ readySet: transport.readySet, clock, log });
    const leases = new LeaseKeeper({ leaseMs, log, listeners: this.#leaseLostListeners, startThread: this.#deps.startLeaseThread });
    const sweeper = new Sweeper({ readySet: transport.readySet, jobs, everyMs: sweepMs, log });
    const timers = consumes
      ? [
          createPeriodic({ everyMs: renewMs, name: 'accrue', log, act: () => this.#accrue() }),
          createPeriodic({ everyMs: sweepMs, name: 'sweep', log, act: () => sweeper.sweep() }),
        ]
      : [];
    const order = new InnerOrder(transport.innerOrder, () => clock.nowMs());
    const taker = new RunTaker({ dispatch, turns, clock, log, faults, giveBack: (runs) => this.#giveBackAll(runs) });
    this.#running = { transport, jobs, leases, costs, adjuster, order, dispatch, turns, taker, timers, bullQueues: new Map() };
    for (const timer of timers) timer.start();
  }

  async #takeNow(max: number, signal: AbortSignal, full?: FullOrganizations): Promise<TakenRun[]> {
    const { taker, leases, costs, adjuster } = this.#use();
    // So that the turn sees what has been used until now.
    await adjuster.flush();
    const runs = await taker.take(max, signal, full);
    for (const { taken, chargedSeconds } of runs) {
      costs.open(taken, chargedSeconds);
      leases.keep(taken);
    }
    return runs.map(({ taken }) => taken);
  }

  async #giveBackAll(runs: readonly ChargedRun[]): Promise<void> {
    const { costs } = this.#use();
    for (const { taken, chargedSeconds } of runs) costs.open(taken, chargedSeconds);
    await Promise.all(runs.map(({ taken }) => this.#giveBack(taken, { kind: 'returned' })));
  }

  /** A run that lasts is charged while it lasts, not only when it ends. */
  async #accrue(): Promise<void> {
    const { costs, adjuster } = this.#use();
    await adjuster.add(...costs.accrue().map((charge) => ({ ...charge, freedMb: 0, next: { kind: 'running' } as const })));
  }

  async #giveBack(taken: TakenRun, next: AdjustmentNext, used?: RunUse): Promise<void> {
    const { jobs, costs } = this.#use();
    try {
      await this.#let(taken, 'giveBack', () => this.#retry('giveBack', () => jobs.giveBack(taken.orgId, taken.runId, taken.leaseToken)));
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
    leases.leave(taken);
    try {
      const held = await act();
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
