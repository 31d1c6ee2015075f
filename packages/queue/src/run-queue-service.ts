import { BullpenError, messageOf, type Clock, type Deadline, type EnqueuedRun, type Faults, type Logger, type QueueCounts } from '@bullpen/core';
import { Queue } from 'bullmq';

import { RUN_COST } from './claim-plan.ts';
import { JobStore, KEPT_EVENTS } from './job-store.ts';
import { LeaseKeeper, type LeaseLostListener } from './lease-keeper.ts';
import { createPeriodic, type Periodic } from './periodic.ts';
import { queueNameOf } from './redis/keys.ts';
import type { RunQueue } from './run-queue.ts';
import { RunTaker } from './run-taker.ts';
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
  jobs: JobStore;
  leases: LeaseKeeper;
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
  #takes: Promise<unknown> = Promise.resolve();
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
  }

  async stop(by: Deadline): Promise<void> {
    this.#stopping.abort();
    await this.#starting?.catch(() => undefined);
    const running = this.#running;
    if (!running) return;
    // While Redis is away these would wait for it.
    const settle = Promise.all([this.#takes, ...running.timers.map((timer) => timer.stop())]).then(() => running.taker.settled());
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
    const { taker, leases } = this.#use();
    const either = AbortSignal.any([signal, this.#stopping.signal]);
    const take = this.#takes.then(async () => {
      const runs = max < 1 ? [] : await taker.take(Math.floor(max), either);
      for (const taken of runs) leases.keep(taken);
      return runs;
    });
    this.#takes = take.catch(() => undefined);
    return take;
  }

  async complete(taken: TakenRun): Promise<void> {
    const { jobs, transport } = this.#use();
    await this.#let(taken, 'complete', async () => {
      const [held] = await Promise.all([jobs.complete(taken.orgId, taken.runId, taken.leaseToken), transport.readySet.unpark(taken.orgId)]);
      return held;
    });
  }

  async retryLater(taken: TakenRun, delayMs: number): Promise<void> {
    const { jobs, transport } = this.#use();
    await this.#let(taken, 'retryLater', async () => {
      const held = await jobs.delay(taken.orgId, taken.runId, taken.leaseToken, delayMs);
      await transport.readySet.unpark(taken.orgId);
      await transport.readySet.schedule([{ orgId: taken.orgId, atMs: this.#deps.clock.nowMs() + delayMs }]);
      return held;
    });
  }

  async giveBack(taken: TakenRun, options: { parkMs?: number } = {}): Promise<void> {
    this.#use();
    const { parkMs = 0 } = options;
    await this.#giveBack(taken, parkMs > 0 ? this.#deps.clock.nowMs() + parkMs : null);
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
    const jobs = new JobStore({ root: transport.root, prefix, workerName: name, clock });
    const leases = new LeaseKeeper({ jobs, leaseMs, log, listeners: this.#leaseLostListeners });
    const sweeper = new Sweeper({ readySet: transport.readySet, jobs, everyMs: sweepMs, log });
    const timers = consumes
      ? [
          createPeriodic({ everyMs: renewMs, name: 'renew', log, act: () => leases.renew() }),
          createPeriodic({ everyMs: sweepMs, name: 'sweep', log, act: () => sweeper.sweep() }),
        ]
      : [];
    this.#running = { transport, jobs, leases, taker: this.#createTaker(transport, jobs), timers, bullQueues: new Map() };
    for (const timer of timers) timer.start();
  }

  #createTaker({ readySet }: OpenTransport, jobs: JobStore): RunTaker {
    const { clock, log, faults } = this.#deps;
    return new RunTaker({
      readySet,
      jobs,
      clock,
      log,
      faults,
      newLeaseToken: () => `${this.#tokenBase}:${(this.#leaseCount += 1)}`,
      giveBack: (taken) => this.#giveBack(taken, null),
    });
  }

  async #giveBack(taken: TakenRun, parkUntilMs: number | null): Promise<void> {
    const { jobs, transport } = this.#use();
    await this.#let(taken, 'giveBack', async () => {
      const held = await jobs.giveBack(taken.orgId, taken.runId, taken.leaseToken);
      await transport.readySet.giveBack(taken.orgId, { refund: RUN_COST, parkUntilMs });
      return held;
    });
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
