import { setImmediate } from 'node:timers/promises';

import { errorCodeOf, messageOf, planRun, toEnqueuedRun, type Clock, type CreateRun, type EnqueuedRun, type Logger, type NewRun, type Run } from '@bullpen/core';
import { VersionMovedError, cancelWaitingRuns, findRunOfKey, getRun, type Database, type RunStore, type WantedOfOrganization } from '@bullpen/db';
import { finishedRunOf, type MetricsCollector } from '@bullpen/metrics';
import type { SchemaChecker } from '@bullpen/json-schema';
import { cancelTopic, runTopic, type LiveBus, type RunQueue } from '@bullpen/queue';

import { checkInput } from '../agents/check-input.ts';
import type { OrganizationDirectory } from '../organizations/organization-directory.ts';
import { gather } from './gather.ts';
import { hashRequest } from './request-hash.ts';
import { RunWaiter } from './run-waiter.ts';
import { VersionDirectory, type TakenVersion } from './version-directory.ts';

/**
 * Runs as callers see them. A run's row is written before its job is added; when the queue cannot be reached in between,
 * the caller is answered all the same (the row is the run) and the reconciler adds the job.
 */
export interface RunServiceDeps {
  db: Database;
  store: RunStore;
  queue: RunQueue;
  bus: LiveBus;
  metrics: MetricsCollector;
  organizations: OrganizationDirectory;
  schemas: SchemaChecker;
  clock: Clock;
  log: Logger;
}

export interface CreatedRun {
  run: Run;
  /** False: the idempotency key was used before, and this is the run of that time. */
  created: boolean;
}

/** While the queue is away a call takes seconds; what waits meanwhile must not take turns of seconds, so it all goes in one. */
const GATHER_JOBS = { most: 5000, parallel: 2 };
/** A run of a batch. */
export interface BatchItem {
  request: CreateRun;
  idempotency: { key: string; requestHash: string } | null;
}

/** Runs that a drain cancels in one statement. */
const DRAIN_PAGE = 500;

/** When what was sent in this turn of the event loop is on its way: drivers write at the end of a turn. */
async function afterWrites(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

type VersionOf = (wanted: WantedOfOrganization) => Promise<TakenVersion>;

export class RunService {
  readonly #deps: RunServiceDeps;
  readonly #versions: VersionDirectory;
  readonly #enqueue: (run: EnqueuedRun) => Promise<void>;

  constructor(deps: RunServiceDeps) {
    this.#deps = deps;
    this.#versions = new VersionDirectory(deps);
    // In a crowd one round trip to the queue serves many runs; alone each goes at once.
    this.#enqueue = gather(async (runs) => {
      await deps.queue.enqueue(runs);
      return runs.map(() => undefined);
    }, GATHER_JOBS);
  }

  /** @param traceparent - of the request, kept with the run */
  async create(orgId: string, request: CreateRun, idempotencyKey: string | null, traceparent: string | null = null): Promise<CreatedRun> {
    return this.#trustingMemory(async (versionOf) => {
      const planned = await this.#planOrEarlier(orgId, request, idempotencyKey, versionOf);
      return planned.kind === 'earlier' ? { run: planned.run, created: false } : this.insertPlanned({ ...planned.plan, traceparent });
    });
  }

  /** All of them, or none: rows in one transaction, then jobs in another. */
  async createAll(orgId: string, items: readonly BatchItem[], traceparent: string | null = null): Promise<CreatedRun[]> {
    const { store, organizations, schemas } = this.#deps;
    const organization = await organizations.get(orgId);
    const plans = await Promise.all(items.map(async ({ request, idempotency }) => {
      const version = await this.#versions.lookedUp({ orgId, ...request });
      const plan = { ...planRun(request, version, organization, idempotency), traceparent };
      await checkInput(schemas, version, plan.inputJson);
      return plan;
    }));
    const inserted = await store.insertAll(plans);
    await Promise.all(plans.filter((_, i) => inserted[i]!.created).map((plan) => this.#addJob(plan)));
    return inserted;
  }

  /**
   * Cancels what waits at this moment; what runs goes on, and what comes later waits as ever.
   * @returns how many
   */
  async drain(orgId: string): Promise<number> {
    const { db, queue, log, clock } = this.#deps;
    const asOfMs = clock.nowMs();
    let cancelled = 0;
    for (;;) {
      const runs = await cancelWaitingRuns(db, orgId, { asOfMs, nowMs: clock.nowMs(), limit: DRAIN_PAGE });
      cancelled += runs.length;
      await Promise.all(runs.map((run) => this.#tellCancelled(run)));
      await Promise.all(runs.map(({ id }) => queue.remove(orgId, id))).catch((error: unknown) => {
        // Whoever takes the jobs finds the runs cancelled and lets them go.
        log.warn({ orgId, reason: messageOf(error) }, 'run.jobs_not_removed');
      });
      if (runs.length < DRAIN_PAGE) break;
    }
    log.info({ orgId, cancelled }, 'organization.drained');
    return cancelled;
  }

  /** The run when it has ended, or as it is after `waitMs`. */
  async createAndWait(orgId: string, request: CreateRun, idempotencyKey: string | null, wait: { ms: number; signal: AbortSignal }, traceparent: string | null = null): Promise<CreatedRun> {
    const begun = await this.#trustingMemory(async (versionOf) => {
      const planned = await this.#planOrEarlier(orgId, request, idempotencyKey, versionOf);
      if (planned.kind === 'earlier') return planned.run;
      const plan = { ...planned.plan, traceparent };
      // Listening before the job is added: a run may end before a subscription made afterwards is heard.
      return [plan, ...await this.#insertListening(plan)] as const;
    });
    if ('id' in begun) return { run: await this.waitFor(orgId, begun.id, wait.ms, wait.signal), created: false };
    const [plan, { run, created }, waiter] = begun;
    const { bus, db } = this.#deps;
    const right = run.id === plan.id ? waiter : await new RunWaiter({ db, bus }, orgId, run.id).open();
    try {
      return { run: await right.wait(wait.ms, wait.signal, run), created };
    } finally {
      if (right !== waiter) right.close();
      waiter.close();
    }
  }

  /** A run that is there already, when it has ended or as it is after `waitMs`. @throws BullpenError NOT_FOUND */
  async waitFor(orgId: string, runId: string, waitMs: number, signal: AbortSignal): Promise<Run> {
    const waiter = await new RunWaiter(this.#deps, orgId, runId).open();
    try {
      return await waiter.wait(waitMs, signal);
    } finally {
      waiter.close();
    }
  }

  async get(orgId: string, runId: string): Promise<Run> {
    return getRun(this.#deps.db, orgId, runId);
  }

  /**
   * Cancels a waiting run at once; asks the worker of a running one to stop it.
   * @throws BullpenError NOT_FOUND, RUN_ALREADY_FINISHED
   */
  async cancel(orgId: string, runId: string): Promise<Run> {
    const { store, queue, bus, log } = this.#deps;
    const { run, workerId, outcome } = await store.requestCancel(orgId, runId);
    log.info({ orgId, runId, outcome }, 'run.cancel');
    if (outcome === 'requested') {
      if (workerId !== null) await bus.publish(cancelTopic(workerId), { orgId, runId });
      return run;
    }
    await this.#tellCancelled(run);
    await queue.remove(orgId, runId).catch((error: unknown) => {
      // Whoever takes the job finds the run cancelled and lets it go.
      log.warn({ orgId, runId, reason: messageOf(error) }, 'run.job_not_removed');
    });
    return run;
  }

  /** No worker will see it end, so it is counted here. */
  async #tellCancelled(run: Run): Promise<void> {
    const { bus, metrics } = this.#deps;
    const ended = finishedRunOf(run);
    if (ended !== null) metrics.record(ended);
    await bus.publish(runTopic(run.orgId, run.id), { kind: 'state', change: { state: run.state, attempt: run.attempt, at: run.finishedAt } });
  }

  /**
   * A repeat of a request is given its run also where the request would be refused by now: a cap was lowered, a deployment is
   * gone. What the request itself is refused for made no run.
   */
  async #planOrEarlier(orgId: string, request: CreateRun, key: string | null, versionOf: VersionOf): Promise<{ kind: 'plan'; plan: NewRun } | { kind: 'earlier'; run: Run }> {
    try {
      return { kind: 'plan', plan: await this.#plan(orgId, request, key, versionOf) };
    } catch (refusal) {
      if (key === null) throw refusal;
      const run = await findRunOfKey(this.#deps.db, { orgId, key, requestHash: hashRequest(request) }, this.#deps.clock.nowMs());
      if (run === null) throw refusal;
      return { kind: 'earlier', run };
    }
  }

  async #plan(orgId: string, request: CreateRun, idempotencyKey: string | null, versionOf: VersionOf): Promise<NewRun> {
    const [organization, { version, ...assumption }] = await Promise.all([
      this.#deps.organizations.get(orgId),
      versionOf({ orgId, ...request }),
    ]);
    const plan = planRun(request, version, organization, idempotencyKey === null ? null : { key: idempotencyKey, requestHash: hashRequest(request) });
    await checkInput(this.#deps.schemas, version, plan.inputJson);
    return { ...plan, ...assumption };
  }

  /** With the version that is remembered; where that is not the one to take any more, or is gone with its organization, once more with the one of now. */
  async #trustingMemory<T>(act: (versionOf: VersionOf) => Promise<T>): Promise<T> {
    const lookedUp: VersionOf = async (wanted) => ({ version: await this.#versions.lookedUp(wanted) });
    let isTrusted = false;
    try {
      return await act(async (wanted) => {
        const remembered = this.#versions.remembered(wanted);
        isTrusted = remembered !== null;
        return remembered ?? lookedUp(wanted);
      });
    } catch (error) {
      if (!isTrusted || (!(error instanceof VersionMovedError) && errorCodeOf(error) !== 'RECORD_FAILED')) throw error;
      return act(lookedUp);
    }
  }

  async #insertListening(plan: NewRun): Promise<[CreatedRun, RunWaiter]> {
    const waiter = new RunWaiter(this.#deps, plan.orgId, plan.id);
    // While Postgres writes the row: what it waits for goes out first. Without the bus the waiter looks at the row every second, and the caller waits that much longer.
    const listening = afterWrites().then(() => waiter.open()).catch((error: unknown) => this.#deps.log.warn({ runId: plan.id, reason: messageOf(error) }, 'run.wait_without_bus'));
    try {
      return [await this.insertPlanned(plan, listening), waiter];
    } catch (error) {
      await listening;
      waiter.close();
      throw error;
    }
  }

  /**
   * Writes the row, then adds the job.
   * @param listening - what has to be there before the run can end, which it cannot before its job is added
   */
  async insertPlanned(plan: NewRun, listening?: Promise<unknown>): Promise<CreatedRun> {
    const inserting = this.#deps.store.insert(plan);
    const inserted = listening === undefined ? await inserting : (await Promise.all([inserting, listening]))[0];
    if (inserted.created) await this.#addJob(plan);
    return inserted;
  }

  /** What the queue does not take now the reconciler brings it. */
  async #addJob({ orgId, id: runId, agent, version, memoryMb, priority, fairnessKey, delayMs }: NewRun): Promise<void> {
    try {
      await this.#enqueue(toEnqueuedRun({ orgId, runId, agent, version, memoryMb, priority, fairnessKey, delayMs }));
    } catch (error) {
      this.#deps.log.warn({ orgId, runId, reason: messageOf(error) }, 'run.enqueue_left_to_reconciler');
    }
  }
}
