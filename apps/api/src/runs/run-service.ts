import { messageOf, planRun, toEnqueuedRun, type Clock, type CreateRun, type Logger, type NewRun, type Run } from '@bullpen/core';
import { cancelWaitingRuns, getRun, resolveVersion, type Database, type RunStore } from '@bullpen/db';
import { finishedRunOf, type MetricsCollector } from '@bullpen/metrics';
import { cancelTopic, runTopic, type LiveBus, type RunQueue } from '@bullpen/queue';

import type { OrganizationDirectory } from '../organizations/organization-directory.ts';
import { hashRequest } from './request-hash.ts';
import { RunWaiter } from './run-waiter.ts';

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
  clock: Clock;
  log: Logger;
}

export interface CreatedRun {
  run: Run;
  /** False: the idempotency key was used before, and this is the run of that time. */
  created: boolean;
}

/** A run of a batch. */
export interface BatchItem {
  request: CreateRun;
  idempotency: { key: string; requestHash: string } | null;
}

/** Runs that a drain cancels in one statement. */
const DRAIN_PAGE = 500;

export class RunService {
  readonly #deps: RunServiceDeps;

  constructor(deps: RunServiceDeps) {
    this.#deps = deps;
  }

  /** @param traceparent - of the request, kept with the run */
  async create(orgId: string, request: CreateRun, idempotencyKey: string | null, traceparent: string | null = null): Promise<CreatedRun> {
    return this.insertPlanned({ ...await this.#plan(orgId, request, idempotencyKey), traceparent });
  }

  /** All of them, or none: rows in one transaction, then jobs in another. */
  async createAll(orgId: string, items: readonly BatchItem[]): Promise<CreatedRun[]> {
    const { db, store, organizations } = this.#deps;
    const organization = await organizations.get(orgId);
    // Each version is read once, however many runs it has.
    const versions = new Map<string, ReturnType<typeof resolveVersion>>();
    const versionOf = ({ agent, version }: CreateRun) => {
      const name = `${agent} ${version ?? ''}`;
      const reading = versions.get(name) ?? resolveVersion(db, orgId, agent, version);
      versions.set(name, reading);
      return reading;
    };
    const plans = await Promise.all(items.map(async ({ request, idempotency }) => planRun(request, await versionOf(request), organization, idempotency)));
    const inserted = await store.insertAll(plans);
    await this.#enqueue(plans.filter((_, i) => inserted[i]!.created));
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
    const plan = { ...await this.#plan(orgId, request, idempotencyKey), traceparent };
    // Listening before the row is written: a run may end before a subscription made afterwards is heard.
    const [{ run, created }, waiter] = await this.#insertListening(plan);
    const { bus, db } = this.#deps;
    const right = run.id === plan.id ? waiter : await new RunWaiter({ db, bus }, orgId, run.id).open();
    try {
      return { run: await right.wait(wait.ms, wait.signal, run), created };
    } finally {
      if (right !== waiter) await right.close();
      await waiter.close();
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

  async #plan(orgId: string, request: CreateRun, idempotencyKey: string | null) {
    const [organization, version] = await Promise.all([
      this.#deps.organizations.get(orgId),
      resolveVersion(this.#deps.db, orgId, request.agent, request.version),
    ]);
    return planRun(request, version, organization, idempotencyKey === null ? null : { key: idempotencyKey, requestHash: hashRequest(request) });
  }

  async #insertListening(plan: NewRun): Promise<[CreatedRun, RunWaiter]> {
    const waiter = await new RunWaiter(this.#deps, plan.orgId, plan.id).open();
    try {
      return [await this.insertPlanned(plan), waiter];
    } catch (error) {
      await waiter.close();
      throw error;
    }
  }

  /** Writes the row, then adds the job. */
  async insertPlanned(plan: NewRun): Promise<CreatedRun> {
    const inserted = await this.#deps.store.insert(plan);
    if (inserted.created) await this.#enqueue([plan]);
    return inserted;
  }

  async #enqueue(plans: readonly NewRun[]): Promise<void> {
    const [first] = plans;
    if (!first) return;
    const { queue, log } = this.#deps;
    try {
      await queue.enqueue(plans.map(({ orgId, id: runId, agent, version, memoryMb, priority, fairnessKey, delayMs }) => toEnqueuedRun({ orgId, runId, agent, version, memoryMb, priority, fairnessKey, delayMs })));
    } catch (error) {
      log.warn({ orgId: first.orgId, runId: first.id, runs: plans.length, reason: messageOf(error) }, 'run.enqueue_left_to_reconciler');
    }
  }
}
