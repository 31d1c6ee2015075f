import type { OrganizationLimits } from '@bullpen/core';

import type { JobStore, TakeResult } from '../job-store.ts';
import { KeyedHeap } from './keyed-heap.ts';
import type { SimulatedRun } from './ledger.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Waiting runs of one organization, oldest first. */
interface Waiting {
  /** Those without an order, which BullMQ takes first. */
  runs: SimulatedRun[];
  /** How many of them were taken from the front. */
  taken: number;
  /** Those with one. */
  ordered: OrderedRuns | null;
}

/** Runs by BullMQ priority, and in the order of their coming among equals. */
class OrderedRuns {
  readonly #line = new KeyedHeap();
  readonly #runs = new Map<string, SimulatedRun>();
  #count = 0;

  get size(): number {
    return this.#runs.size;
  }

  push(run: SimulatedRun, priority: number): void {
    // As BullMQ scores its prioritized set.
    this.#line.set(run.runId, priority * COUNTER_SIZE + (this.#count += 1));
    this.#runs.set(run.runId, run);
  }

  /** The lowest priority from `from` on and below `to`; null where there is none. */
  lowestFrom(from: number, to: number): number | null {
    const first = this.#line.first();
    const head = first ? Math.floor(first.score / COUNTER_SIZE) : null;
    if (head === null || head >= to) return null;
    if (head >= from) return head;
    let lowest: number | null = null;
    for (const [, score] of this.#line.entries()) {
      const priority = Math.floor(score / COUNTER_SIZE);
      if (priority >= from && priority < to && (lowest === null || priority < lowest)) lowest = priority;
    }
    return lowest;
  }

  shift(): SimulatedRun | undefined {
    const first = this.#line.pop();
    if (!first) return undefined;
    const run = this.#runs.get(first.member);
    this.#runs.delete(first.member);
    return run;
  }
}

const COUNTER_SIZE = 2 ** 32;

/** What BullMQ counts of a queue with limits. */
interface Limited {
  readonly limits: Partial<OrganizationLimits>;
  active: number;
  /** Of the rate window that is open. */
  starts: number;
  windowEndMs: number;
}

/** The part of the job store that taking and completing need. */
type SimulatedJobs = Pick<JobStore, 'add' | 'take' | 'complete' | 'giveBack' | 'setAside'>;

/**
 * The jobs of every organization in memory, in the order in which they came, under the limits that BullMQ's own scripts
 * enforce on Redis: concurrency, rate and pause. A rate window opens with its first start, as BullMQ's does.
 */
export class MemoryJobs implements SimulatedJobs {
  readonly #clock: VirtualClock;
  readonly #queues = new Map<string, Waiting>();
  readonly #limited = new Map<string, Limited>();
  readonly #active = new Map<string, SimulatedRun>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** @param priority - BullMQ's; 0 for plain order of arrival */
  push(run: SimulatedRun, priority = 0): void {
    const queue = this.#queues.get(run.orgId) ?? { runs: [], taken: 0, ordered: null };
    this.#queues.set(run.orgId, queue);
    if (priority === 0) queue.runs.push(run);
    else (queue.ordered ??= new OrderedRuns()).push(run, priority);
  }

  /** Of the organization's waiting runs that have an order. */
  ordered(orgId: string): OrderedRuns | null {
    const ordered = this.#queues.get(orgId)?.ordered ?? null;
    return ordered !== null && ordered.size > 0 ? ordered : null;
  }

  /** Changes what is given, as BullMQ would find it in the queue's meta. */
  async setLimits(orgId: string, patch: Partial<OrganizationLimits>): Promise<void> {
    const before = this.#limited.get(orgId);
    const active = before?.active ?? [...this.#active.values()].filter((run) => run.orgId === orgId).length;
    this.#limited.set(orgId, { limits: { ...before?.limits, ...patch }, active, starts: 0, windowEndMs: 0 });
  }

  async take(orgId: string): Promise<TakeResult> {
    const limited = this.#limited.get(orgId);
    const barred = limited ? this.#bar(limited) : null;
    if (barred) return barred;
    const run = this.#shift(orgId);
    if (!run) return { kind: 'empty' };
    this.#active.set(run.runId, run);
    if (limited) this.#count(limited);
    if (limited?.limits.rate) run.windowEndMs = limited.windowEndMs;
    return { kind: 'run', isLast: !this.#queues.has(orgId), job: { runId: run.runId, memoryMb: run.shape.memoryMb, redelivered: false, ...(run.shape.agent === undefined ? {} : { agent: run.shape.agent }) } };
  }

  async complete(orgId: string, runId: string): Promise<boolean> {
    this.#release(orgId, runId);
    return true;
  }

  async giveBack(orgId: string, runId: string): Promise<boolean> {
    const run = this.#release(orgId, runId);
    const queue = this.#queues.get(orgId);
    if (!queue) this.#queues.set(orgId, { runs: [run], taken: 0, ordered: null });
    else if (queue.taken > 0) queue.runs[(queue.taken -= 1)] = run;
    else queue.runs.unshift(run);
    return true;
  }

  /** A run that is taken. */
  active(runId: string): SimulatedRun {
    const run = this.#active.get(runId);
    if (!run) throw new Error(`run ${runId} is not taken`);
    return run;
  }

  add(): Promise<void> {
    return Promise.reject(new Error('runs of a simulation are pushed'));
  }

  setAside(): Promise<void> {
    return Promise.reject(new Error('every job of a simulation is a run'));
  }

  #bar(limited: Limited): TakeResult | null {
    const { limits: { rate, maxConcurrency, paused }, active, starts, windowEndMs } = limited;
    if (rate && starts >= rate.runs && windowEndMs > this.#clock.nowMs()) return { kind: 'later', atMs: windowEndMs };
    if (paused || (maxConcurrency && active >= maxConcurrency)) return { kind: 'empty' };
    return null;
  }

  #count(limited: Limited): void {
    limited.active += 1;
    const { rate } = limited.limits;
    if (!rate) return;
    if (limited.windowEndMs <= this.#clock.nowMs()) {
      limited.starts = 0;
      limited.windowEndMs = this.#clock.nowMs() + rate.windowMs;
    }
    limited.starts += 1;
  }

  #shift(orgId: string): SimulatedRun | undefined {
    const queue = this.#queues.get(orgId);
    if (!queue) return undefined;
    const run = queue.taken < queue.runs.length ? queue.runs[queue.taken++] : queue.ordered?.shift();
    if (queue.taken === queue.runs.length && !queue.ordered?.size) {
      this.#queues.delete(orgId);
    } else if (queue.taken > 1000 && queue.taken * 2 > queue.runs.length) {
      queue.runs = queue.runs.slice(queue.taken);
      queue.taken = 0;
    }
    return run;
  }

  #release(orgId: string, runId: string): SimulatedRun {
    const run = this.active(runId);
    this.#active.delete(runId);
    const limited = this.#limited.get(orgId);
    if (limited) limited.active -= 1;
    return run;
  }
}
