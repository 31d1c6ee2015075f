import { toEnqueuedRun, type Clock, type EnqueuedRun, type Logger, type Service } from '@bullpen/core';
import { adminExpireDueRuns, adminListRunningRuns, adminListWaitingRuns, type Database, type RunningRun, type RunStore } from '@bullpen/db';
import { finishedRunOf, type MetricsCollector } from '@bullpen/metrics';
import { runTopic, type LiveBus, type RunQueue } from '@bullpen/queue';

import { periodic } from './periodic.ts';

/**
 * Mends what a crash left between Postgres and the queue. Every step is idempotent, so that any number of workers may
 * run it at once:
 * - a waiting row without a job gets its job (the API died, or could not reach the queue, after it wrote the row), and an
 *   organization whose runs wait is marked ready again (the API died after it added the job);
 * - a running row without a job goes back to `queued` and gets one (the job was lost with the queue);
 * - a waiting row whose time-to-live passed becomes `expired` and loses its job.
 * Jobs without a row, or of a finished one, are let go by whoever takes them: the claim says so.
 */
export interface ReconcilerDeps {
  db: Database;
  store: RunStore;
  queue: RunQueue;
  bus: LiveBus;
  metrics: MetricsCollector;
  clock: Clock;
  log: Logger;
  everyMs: number;
  /** Rows younger than this are left alone: their writer is probably still at it. */
  graceMs: number;
  /** Running rows claimed less than this ago are left alone. */
  leaseMs: number;
}

const PAGE = 500;
/** Rows looked at in one turn; the next turn goes on where this one stopped. */
const PAGES_PER_TURN = 10;

export class Reconciler {
  readonly service: Service;
  readonly #deps: ReconcilerDeps;
  #waitingAfter: string | undefined;
  #runningAfter: string | undefined;

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
    this.service = periodic('reconciler', deps.everyMs, deps.log, () => this.turn());
  }

  async turn(): Promise<void> {
    await this.#expireDue();
    await this.#mendWaiting();
    await this.#mendRunning();
  }

  async #expireDue(): Promise<void> {
    const { db, queue, bus, metrics, log } = this.#deps;
    const expired = await adminExpireDueRuns(db, PAGE);
    for (const { orgId, runId, run } of expired) {
      const ended = finishedRunOf(run);
      if (ended !== null) metrics.record(ended);
      await queue.remove(orgId, runId);
      await bus.publish(runTopic(orgId, runId), { kind: 'state', change: { state: run.state, attempt: run.attempt, at: run.finishedAt } });
    }
    if (expired.length > 0) log.info({ expired: expired.length }, 'reconciler.expired');
  }

  async #mendWaiting(): Promise<void> {
    const { db, queue, clock, log, graceMs } = this.#deps;
    for (let page = 0; page < PAGES_PER_TURN; page += 1) {
      const rows = await adminListWaitingRuns(db, { olderThanMs: graceMs, limit: PAGE, ...after(this.#waitingAfter) });
      this.#waitingAfter = rows.length < PAGE ? undefined : rows.at(-1)?.runId;
      const lost = await this.#withoutJob(rows);
      await queue.markReady([...new Set(rows.filter((row) => (row.notBeforeMs ?? 0) <= clock.nowMs()).map((row) => row.orgId))]);
      if (lost.length > 0) {
        await queue.enqueue(lost.map(({ notBeforeMs, ...row }) => toEnqueuedRun({ ...row, delayMs: Math.max(0, (notBeforeMs ?? 0) - clock.nowMs()) })));
        log.warn({ mended: lost.length }, 'reconciler.waiting_without_job');
      }
      if (this.#waitingAfter === undefined) return;
    }
  }

  async #mendRunning(): Promise<void> {
    const { db, store, queue, clock, log, leaseMs } = this.#deps;
    for (let page = 0; page < PAGES_PER_TURN; page += 1) {
      const rows = await adminListRunningRuns(db, { claimedBeforeMs: clock.nowMs() - leaseMs, limit: PAGE, ...after(this.#runningAfter) });
      this.#runningAfter = rows.length < PAGE ? undefined : rows.at(-1)?.runId;
      for (const row of await this.#withoutJob(rows)) {
        const released = await store.release({ orgId: row.orgId, runId: row.runId, lease: row.lease, reason: 'job_lost' });
        if (released) await queue.enqueue([enqueuedAtOnce(row)]);
        if (released) log.warn({ orgId: row.orgId, runId: row.runId }, 'reconciler.running_without_job');
      }
      if (this.#runningAfter === undefined) return;
    }
  }

  async #withoutJob<R extends { orgId: string; runId: string }>(rows: readonly R[]): Promise<R[]> {
    const byOrg = Map.groupBy(rows, (row) => row.orgId);
    const lost: R[] = [];
    for (const [orgId, ofOrg] of byOrg) {
      const missing = new Set(await this.#deps.queue.missing(orgId, ofOrg.map((row) => row.runId)));
      lost.push(...ofOrg.filter((row) => missing.has(row.runId)));
    }
    return lost;
  }
}

function enqueuedAtOnce({ orgId, runId, agent, version, memoryMb, priority, fairnessKey }: RunningRun): EnqueuedRun {
  return toEnqueuedRun({ orgId, runId, agent, version, memoryMb, priority, fairnessKey, delayMs: 0 });
}

function after(afterId: string | undefined): { afterId?: string } {
  return afterId === undefined ? {} : { afterId };
}
