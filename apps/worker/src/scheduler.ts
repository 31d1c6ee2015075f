import {
  BullpenError, errorCodeOf, messageOf, planFires, scheduleTimes, toEnqueuedRun,
  type Clock, type Deadline, type Faults, type FirePlan, type FireState, type Logger, type Run, type Schedule, type Service,
} from '@bullpen/core';
import {
  adminAdvanceSchedules, adminClaimDueSchedules, adminNextScheduleTime, adminReleaseSchedule,
  type ClaimedSchedule, type Database, type RunStore, type ScheduleAdvance,
} from '@bullpen/db';
import type { RunQueue } from '@bullpen/queue';

import { ScheduledRunPlanner } from './scheduled-run-planner.ts';
import { traceScheduled } from './scheduled-trace.ts';

/**
 * Makes the runs of schedules when they are due. Any number of workers may do so at once. What it guarantees:
 *
 * - A schedule makes at most one run for a time: the run's idempotency key is made of schedule and time, so that a
 *   scheduler that repeats what another one did makes nothing anew. A claim on the row keeps them from trying at once.
 * - No time is lost: the row moves on only after its runs stand in Postgres; a claim of a scheduler that died passes, and
 *   the row is still due. A job that is missing then is added by the reconciler. Times that passed while no scheduler was alive are treated as the schedule's catch-up policy says.
 * - A schedule whose run cannot be planned (agent gone, limit lowered) says so in `lastError` and goes on with its next
 *   time; the others are not held up. While Postgres is away nothing moves.
 */
export interface SchedulerDeps {
  db: Database;
  store: RunStore;
  queue: RunQueue;
  clock: Clock;
  faults: Faults;
  log: Logger;
}

/** Schedules claimed at once; their inputs are in memory meanwhile, up to 1 MiB each. */
const CLAIM_LIMIT = 50;
/** More than a turn takes where Postgres is waited for. A schedule whose scheduler died is fired this much later at most. */
const LEASE_MS = 20_000;
/** Runs of one schedule inserted at once, where it catches up. */
const INSERT_AT_ONCE = 10;
/** The table is read again after this long at the latest: a schedule may have been added or changed. */
const REREAD_MS = 2000;
/** A run that waits for another to end is looked after this often. */
const PENDING_MS = 500;
/** Due rows that are not free are being claimed by another scheduler at this moment. */
const LEAST_WAIT_MS = 50;
const RETRY_MS = 1000;

export class Scheduler implements Service {
  readonly #deps: SchedulerDeps;
  #stopping = new AbortController();
  #loop: Promise<void> | null = null;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    if (this.#loop !== null) return;
    this.#stopping = new AbortController();
    this.#loop = this.#run(this.#stopping.signal);
  }

  async quiesce(): Promise<void> {
    this.#stopping.abort();
  }

  async stop(_by: Deadline): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    this.#loop = null;
  }

  /**
   * Fires what is due now; how many schedules were claimed.
   * @throws BullpenError SERVICE_UNAVAILABLE where some of them have to be tried again.
   */
  async turn(): Promise<number> {
    const { db, clock, faults } = this.#deps;
    const nowMs = clock.nowMs();
    const due = await adminClaimDueSchedules(db, { nowMs, limit: CLAIM_LIMIT, leaseMs: LEASE_MS });
    const planner = new ScheduledRunPlanner(db);
    const fired = await Promise.all(due.map((one) => this.#fire(one, planner, nowMs)));
    await this.#enqueue(fired.flatMap(({ runs }) => runs));
    await faults.hit('before-schedule-advance');
    await adminAdvanceSchedules(db, fired.map(({ advance }) => advance).filter((advance) => advance !== null));
    const left = due.filter((_, index) => fired[index]?.advance === null);
    for (const { schedule, revision } of left) await adminReleaseSchedule(db, { id: schedule.id, revision });
    if (left.length > 0) throw new BullpenError('SERVICE_UNAVAILABLE', `${left.length} schedules could not make their runs yet`);
    return due.length;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = await this.#turnOrFail();
      if (!signal.aborted && waitMs > 0) await waitFor(waitMs, signal);
    }
  }

  /** How long to wait after it. */
  async #turnOrFail(): Promise<number> {
    const { db, clock, log } = this.#deps;
    try {
      const claimed = await this.turn();
      if (claimed >= CLAIM_LIMIT) return 0;
      const { nextAtMs, pending } = await adminNextScheduleTime(db);
      const atMostMs = pending ? PENDING_MS : REREAD_MS;
      return Math.max(LEAST_WAIT_MS, Math.min(atMostMs, (nextAtMs ?? Infinity) - clock.nowMs()));
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'scheduler.turn_failed');
      return RETRY_MS;
    }
  }

  async #fire({ schedule, revision, newest }: ClaimedSchedule, planner: ScheduledRunPlanner, nowMs: number): Promise<Fired> {
    const log = this.#deps.log.child({ orgId: schedule.orgId, schedule: schedule.name });
    const known = { id: schedule.id, revision, lastAtMs: newest?.firedAtMs ?? msOf(schedule.lastAt), lastRunId: newest?.runId ?? schedule.lastRunId };
    const runs: MadeRun[] = [];
    let plan: FirePlan = { startMs: [], skippedMs: [], pendingAtMs: null, nextAtMs: null };
    try {
      plan = planFires(schedule, scheduleTimes(schedule), stateOf(schedule, newest), nowMs);
      if (plan.skippedMs.length > 0) log.info({ skipped: plan.skippedMs.length, overlap: schedule.overlap }, 'schedule.skipped');
      for await (const run of this.#insert(schedule, plan.startMs, planner)) runs.push(run);
      const last = runs.at(-1);
      if (last === undefined) return { runs, advance: { ...known, ...plan, lastError: schedule.lastError } };
      log.info({ runs: runs.length, lastRunId: last.runId }, 'schedule.fired');
      return { runs, advance: { ...known, ...plan, lastAtMs: plan.startMs.at(-1) ?? null, lastRunId: last.runId, lastError: null } };
    } catch (error) {
      if (isPassing(error)) return { runs, advance: null };
      const code = errorCodeOf(error) ?? 'INTERNAL';
      log.warn({ code, reason: messageOf(error), times: plan.startMs.length }, 'schedule.made_no_run');
      return { runs, advance: { ...known, ...plan, lastError: { code, message: messageOf(error), at: new Date(nowMs).toISOString() } } };
    }
  }

  /** A few at a time, in the order of their times: a plan holds the run's whole input. */
  async *#insert(schedule: Schedule, startMs: readonly number[], planner: ScheduledRunPlanner): AsyncGenerator<MadeRun> {
    for (let done = 0; done < startMs.length; done += INSERT_AT_ONCE) {
      const plans = await Promise.all(startMs.slice(done, done + INSERT_AT_ONCE).map((atMs) => planner.plan(schedule, atMs)));
      const inserted = await Promise.all(plans.map((plan) => traceScheduled(plan, schedule, (traced) => this.#deps.store.insert(traced))));
      yield* inserted.map(({ run: { id: runId, orgId, agent, version, memoryMb, priority, fairnessKey, state } }) => ({ runId, orgId, agent, version, memoryMb, priority, fairnessKey, state }));
    }
  }

  /**
   * The row stands already, as for a run that is posted; what fails here is left to the reconciler. Runs that were there
   * before are added as well: their scheduler may have died before it did, and adding twice is adding once.
   */
  async #enqueue(runs: readonly MadeRun[]): Promise<void> {
    const waiting = runs.filter(({ state }) => state === 'queued').map(({ state: _, ...run }) => run);
    try {
      if (waiting.length > 0) await this.#deps.queue.enqueue(waiting.map((run) => toEnqueuedRun({ ...run, delayMs: 0 })));
    } catch (error) {
      this.#deps.log.warn({ runs: waiting.length, reason: messageOf(error) }, 'run.enqueue_left_to_reconciler');
    }
  }
}

/** What a job needs; the input is let go of once its row stands. */
type MadeRun = Pick<Run, 'orgId' | 'agent' | 'version' | 'memoryMb' | 'priority' | 'fairnessKey' | 'state'> & { runId: string };

interface Fired {
  runs: MadeRun[];
  /** Null: the row stays as it is, and due. */
  advance: ScheduleAdvance | null;
}

function stateOf(schedule: Schedule, newest: ClaimedSchedule['newest']): FireState {
  return { nextAtMs: msOf(schedule.nextAt), pendingAtMs: msOf(schedule.pendingAt), last: newest };
}

function msOf(time: string | null): number | null {
  return time === null ? null : Date.parse(time);
}

/** What will be over without anybody's doing. Everything else would fail again, and hold the schedule at this time for ever. */
function isPassing(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code === 'SERVICE_UNAVAILABLE' || code === 'SHUTTING_DOWN';
}

function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
