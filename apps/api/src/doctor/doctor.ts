import { isTerminal, toEnqueuedRun, type Clock, type DoctorReport } from '@bullpen/core';
import {
  adminListOrganizations, adminListRunningRuns, adminListWaitingRuns, adminReadRunStates, type Database, type RunRef, type RunStore, type RunningRun, type WaitingRun,
} from '@bullpen/db';
import type { RunQueue } from '@bullpen/queue';

import { Findings, type Fault } from './findings.ts';
import { listJobs, type ListedJob } from './jobs.ts';

/**
 * Compares every run that has not ended with every job, both ways, and mends what it can. What moves meanwhile is looked
 * at twice: only what is a fault both times is one. Safe beside running workers and beside another doctor: every repair
 * is one that the reconciler or a worker would make, under the same fences.
 */
export interface DoctorDeps {
  db: Database;
  store: Pick<RunStore, 'release'>;
  queue: RunQueue;
  workers: { workers(): readonly { id: string }[] };
  clock: Clock;
}

/** Rows younger than this have a writer that is probably still at it. */
const GRACE_MS = 2000;
const PAGE = 500;

export async function examine(deps: DoctorDeps, { repair }: { repair: boolean }): Promise<DoctorReport> {
  const { clock } = deps;
  const beganMs = clock.monotonicMs();
  const findings = new Findings();
  const waiting = await checkWaiting(deps, repair, findings);
  const running = await checkRunning(deps, repair, findings);
  const orgIds = await allOrganizations(deps.db);
  const jobs = await checkJobs(deps, orgIds, repair, findings);
  return {
    at: new Date(clock.nowMs()).toISOString(),
    tookMs: Math.round(clock.monotonicMs() - beganMs),
    rows: waiting + running,
    jobs,
    organizations: orgIds.length,
    isSound: findings.isSound,
    findings: findings.list(),
  };
}

async function checkWaiting({ db, queue, clock }: DoctorDeps, repair: boolean, findings: Findings): Promise<number> {
  let count = 0;
  for await (const rows of pages((page) => adminListWaitingRuns(db, { olderThanMs: GRACE_MS, ...page }))) {
    count += rows.length;
    const lost = await stillWithoutJob(db, queue, rows, (state) => state === 'queued' || state === 'scheduled' || state === 'retrying');
    if (repair && lost.length > 0) {
      await queue.enqueue(lost.map(({ notBeforeMs, ...row }) => toEnqueuedRun({ ...row, delayMs: Math.max(0, (notBeforeMs ?? 0) - clock.nowMs()) })));
    }
    // Also for those that have a job: their organization may not be offered to anybody.
    if (repair) await queue.markReady([...new Set(rows.filter((row) => (row.notBeforeMs ?? 0) <= clock.nowMs()).map(({ orgId }) => orgId))]);
    findings.add('waiting_without_job', lost.map((row) => faultOf(row, `${row.agent} v${row.version}`)), repair ? lost.length : 0);
  }
  return count;
}

async function checkRunning({ db, queue, store, workers, clock }: DoctorDeps, repair: boolean, findings: Findings): Promise<number> {
  let count = 0;
  const alive = new Set(workers.workers().map(({ id }) => id));
  for await (const rows of pages((page) => adminListRunningRuns(db, { claimedBeforeMs: clock.nowMs() - GRACE_MS, ...page }))) {
    count += rows.length;
    const lost = await stillWithoutJob(db, queue, rows, (state) => state === 'running');
    const mended = repair ? await Promise.all(lost.map((row) => queueAgain({ store, queue }, row))) : [];
    findings.add('running_without_job', lost.map((row) => faultOf(row, `lease ${row.lease} of ${row.workerId}`)), mended.filter(Boolean).length);
    const orphaned = rows.filter((row) => !lost.includes(row) && !alive.has(row.workerId));
    findings.add('worker_gone', orphaned.map((row) => faultOf(row, row.workerId)), 0);
  }
  return count;
}

async function queueAgain({ store, queue }: Pick<DoctorDeps, 'store' | 'queue'>, row: RunningRun): Promise<boolean> {
  const { orgId, runId, lease, agent, version, memoryMb, priority, fairnessKey } = row;
  const released = await store.release({ orgId, runId, lease, reason: 'job_lost' });
  if (released) await queue.enqueue([toEnqueuedRun({ orgId, runId, agent, version, memoryMb, priority, fairnessKey, delayMs: 0 })]);
  return released;
}

/** Runs without a job whose row is, after that, still in such a state: what ended in between is no fault. */
async function stillWithoutJob<R extends WaitingRun | RunningRun>(db: Database, queue: RunQueue, rows: readonly R[], isStill: (state: string) => boolean): Promise<R[]> {
  const without: R[] = [];
  for (const [orgId, ofOrg] of Map.groupBy(rows, (row) => row.orgId)) {
    const missing = new Set(await queue.missing(orgId, ofOrg.map(({ runId }) => runId)));
    without.push(...ofOrg.filter(({ runId }) => missing.has(runId)));
  }
  if (without.length === 0) return [];
  const states = await adminReadRunStates(db, without);
  return without.filter((_, index) => isStill(states[index] ?? 'missing'));
}

async function checkJobs(deps: DoctorDeps, orgIds: readonly string[], repair: boolean, findings: Findings): Promise<number> {
  let count = 0;
  for (const orgId of orgIds) {
    for await (const jobs of listJobs(deps.queue, orgId, PAGE)) {
      count += jobs.length;
      const states = await adminReadRunStates(deps.db, jobs);
      const removable = (job: ListedJob) => !job.lists.includes('active');
      const strays = jobs.filter((job, index) => states[index] === null && removable(job));
      const ended = jobs.filter((job, index) => removable(job) && isEnded(states[index] ?? null));
      const twice = jobs.filter(({ lists }) => lists.length > 1);
      findings.add('job_without_row', strays.map(describe), await removeAll(deps.queue, repair, strays));
      findings.add('job_of_ended_run', ended.map(describe), await removeAll(deps.queue, repair, ended));
      findings.add('job_twice', twice.map(describe), await removeAll(deps.queue, repair, twice.filter(removable)));
    }
  }
  return count;
}

function isEnded(state: Awaited<ReturnType<typeof adminReadRunStates>>[number]): boolean {
  return state !== null && isTerminal(state);
}

async function removeAll(queue: RunQueue, repair: boolean, refs: readonly RunRef[]): Promise<number> {
  if (!repair) return 0;
  const removed = await Promise.all(refs.map(({ orgId, runId }) => queue.remove(orgId, runId)));
  return removed.filter(Boolean).length;
}

function describe({ orgId, runId, lists }: ListedJob): Fault {
  return { orgId, runId, detail: lists.join(' and ') };
}

function faultOf({ orgId, runId }: RunRef, detail: string): Fault {
  return { orgId, runId, detail };
}

async function* pages<R extends RunRef>(read: (page: { limit: number; afterId?: string }) => Promise<R[]>): AsyncGenerator<R[]> {
  let afterId: string | undefined;
  for (;;) {
    const rows = await read({ limit: PAGE, ...(afterId === undefined ? {} : { afterId }) });
    if (rows.length > 0) yield rows;
    afterId = rows.at(-1)?.runId;
    if (rows.length < PAGE) return;
  }
}

async function allOrganizations(db: Database): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await adminListOrganizations(db, { limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return ids;
}
