import type { Clock, EnqueuedRun, OrganizationLimits } from '@bullpen/core';
import type { IQueueBackend, JobJson, JobType, MinimalJob } from 'bullmq';

import { JOB_NAME, KEPT_EVENTS, jobDataOf, jobOptions, memoryMbOfData, readRun } from './bull-jobs.ts';
import type { RunGroup } from './dispatch.ts';
import type { JobCounts, JobStore, TakeResult } from './job-store.ts';
import { queueNameOf } from './redis/keys.ts';
import type { OpenTransport } from './transport.ts';

/** Sibling backends kept at hand; one costs a few KB and is made again in microseconds. */
const MAX_SIBLINGS = 12_000;
/** BullMQ's answers to whoever no longer holds the job: missing, lock missing, not active, locked by someone else. */
const LOST_CODES = new Set<unknown>([-1, -2, -3, -6]);
const LIVE_STATES = new Set(['waiting', 'delayed', 'active', 'prioritized']);
const ERASED_AT_ONCE = 1000;
const REMOVABLE_STATES = new Set(['waiting', 'delayed', 'prioritized']);

/**
 * The jobs of every organization, each organization in a BullMQ queue of its own, all over the connections of one root
 * backend. Uses BullMQ's public backend contract only. It holds no state but a cache of backends.
 */
export class BullJobStore implements JobStore {
  readonly #transport: Pick<OpenTransport, 'root' | 'prefixOf' | 'eraseQueue'>;
  readonly #workerName: string;
  readonly #clock: Clock;
  readonly #siblings = new Map<string, IQueueBackend>();

  constructor(deps: { transport: Pick<OpenTransport, 'root' | 'prefixOf' | 'eraseQueue'>; workerName: string; clock: Clock }) {
    this.#transport = deps.transport;
    this.#workerName = deps.workerName;
    this.#clock = deps.clock;
  }

  /** A backend of its own for a stock BullMQ object, which attaches listeners to it. */
  newBackend(orgId: string): IQueueBackend {
    return this.#transport.root.forQueue(queueNameOf(orgId), this.#transport.prefixOf(orgId));
  }

  async add({ orgId, runs, priorities }: RunGroup): Promise<void> {
    const isNew = !this.#siblings.has(orgId);
    const queue = this.#queue(orgId);
    // Best effort: without it BullMQ keeps 10,000 events per queue.
    if (isNew) queue.setQueueMeta({ 'opts.maxLenEvents': KEPT_EVENTS }).catch(() => undefined);
    const nowMs = this.#clock.nowMs();
    const entries = runs.map((run, i) => ({ job: jobOf(run, priorities[i] ?? 0, nowMs), jobId: run.runId }));
    await queue.addJobs(entries);
  }

  async take(orgId: string, leaseToken: string): Promise<TakeResult> {
    return this.#read((await this.#queue(orgId).moveToActive(leaseToken, this.#workerName)) as ActiveReply);
  }

  complete(orgId: string, runId: string, leaseToken: string): Promise<boolean> {
    return heldOrLost(this.#queue(orgId).moveToCompleted(finishedJob(runId), null, true, leaseToken, false));
  }

  async setAside(orgId: string, jobId: string, leaseToken: string, reason: string): Promise<void> {
    await heldOrLost(this.#queue(orgId).moveToFailed(finishedJob(jobId), reason, false, leaseToken, false));
  }

  delay(orgId: string, runId: string, leaseToken: string, delayMs: number): Promise<boolean> {
    const queue = this.#queue(orgId);
    return heldOrLost(queue.moveToDelayed(runId, this.#clock.nowMs(), delayMs, leaseToken, { skipAttempt: true }));
  }

  /** To the front. (`moveJobFromActiveToWait` appends on Postgres.) */
  giveBack(orgId: string, runId: string, leaseToken: string): Promise<boolean> {
    return heldOrLost(this.#queue(orgId).retryJob(runId, true, leaseToken));
  }

  async bringForward(orgId: string, runId: string): Promise<boolean> {
    const queue = this.#queue(orgId);
    if (!(await heldOrLost(queue.promote(runId)))) return false;
    // By a priority it has its old place again; without one it would go behind all that came since. Whoever takes it meanwhile may.
    const priority = (await queue.getJobData(runId))?.priority ?? 0;
    if (priority === 0) await heldOrLost(queue.changePriority(runId, 0, true));
    return true;
  }

  async remove(orgId: string, runId: string): Promise<boolean> {
    const queue = this.#queue(orgId);
    if (!REMOVABLE_STATES.has(await queue.getState(runId))) return false;
    return (await queue.remove(runId, false)) > 0;
  }

  async isLive(orgId: string, runId: string): Promise<boolean> {
    return LIVE_STATES.has(await this.#queue(orgId).getState(runId));
  }

  async counts(orgId: string): Promise<JobCounts> {
    // `paused` is gone from the type, but Postgres still counts the waiting jobs of a paused queue under it.
    const counts = await this.#queue(orgId).getCounts(['wait', 'prioritized', 'paused' as JobType, 'delayed', 'active']);
    const [wait = 0, prioritized = 0, paused = 0, delayed = 0, active = 0] = counts;
    return { waiting: wait + prioritized + paused, delayed, active };
  }

  async overdue(orgId: string): Promise<number> {
    const [count = 0] = await this.#queue(orgId).getCounts(['delayed'], this.#clock.nowMs());
    return count;
  }

  recoverStalled(orgId: string): Promise<string[]> {
    return this.#queue(orgId).moveStalledJobsToWait();
  }

  async drain(orgId: string): Promise<void> {
    await this.#queue(orgId).drain(true);
  }

  async erase(orgId: string): Promise<void> {
    const queue = this.#queue(orgId);
    // A queue is only erased while it is paused. `force`: what is active as well; its holders find their leases lost.
    await queue.pause(true);
    let left: number;
    do left = await queue.obliterate({ force: true, count: ERASED_AT_ONCE }); while (left > 0);
    await this.#transport.eraseQueue(orgId);
    this.#siblings.delete(orgId);
  }

  async activeMemoryMb(orgId: string): Promise<number> {
    const queue = this.#queue(orgId);
    const ids = (await queue.getRanges(['active'])).flat();
    const jobs = await Promise.all(ids.map((jobId) => queue.getJobData(jobId)));
    return jobs.reduce((sum, job) => sum + (job ? memoryMbOfData(job.data) : 0), 0);
  }

  async setLimits(orgId: string, patch: Partial<OrganizationLimits>): Promise<void> {
    const queue = this.#queue(orgId);
    const { maxConcurrency, rate, paused } = patch;
    if (maxConcurrency !== undefined) await setOrRemove(queue, { concurrency: maxConcurrency });
    if (rate !== undefined) {
      await setOrRemove(queue, { max: rate?.runs ?? null, duration: rate?.windowMs ?? null });
      // The window that is open was opened under another rate.
      await queue.removeRateLimitKey();
    }
    if (paused !== undefined) await queue.pause(paused);
  }

  async rateWindowMs(orgId: string): Promise<number> {
    return Math.max(0, await this.#queue(orgId).getRateLimitTtl());
  }

  #read([job, id, rateLimitMs, delayUntilMs]: ActiveReply): TakeResult {
    if (job) return readJob(job, String(id));
    if (rateLimitMs && rateLimitMs > 0) return { kind: 'later', atMs: this.#clock.nowMs() + rateLimitMs };
    if (delayUntilMs && delayUntilMs > 0) return { kind: 'later', atMs: delayUntilMs };
    return { kind: 'empty' };
  }

  #queue(orgId: string): IQueueBackend {
    const known = this.#siblings.get(orgId);
    if (known) return known;
    // The one that was made first, which is soon made again if it is needed.
    if (this.#siblings.size >= MAX_SIBLINGS) this.#siblings.delete(this.#siblings.keys().next().value!);
    const made = this.newBackend(orgId);
    this.#siblings.set(orgId, made);
    return made;
  }
}

type ActiveReply = [job: JobJson | null, id: string, rateLimitMs: number, delayUntilMs: number] | [];

function jobOf(run: EnqueuedRun, priority: number, nowMs: number): JobJson {
  return {
    id: run.runId,
    name: JOB_NAME,
    data: jobDataOf(run),
    opts: jobOptions(run, priority),
    timestamp: nowMs,
    delay: run.delayMs,
    priority,
    progress: 0,
    attemptsMade: 0,
    attemptsStarted: 0,
    stalledCounter: 0,
    failedReason: '',
    returnvalue: 'null',
  };
}

function readJob(job: JobJson, jobId: string): TakeResult {
  const read = readRun(jobId, job.data);
  if (read.kind === 'foreign') return { kind: 'foreign', jobId, reason: read.reason };
  return { kind: 'run', job: { ...read.run, redelivered: job.attemptsStarted > 1 || job.stalledCounter > 0 } };
}

/** Fields of a queue's meta; those that are null are removed. */
async function setOrRemove(queue: IQueueBackend, fields: Record<string, number | null>): Promise<void> {
  const set = Object.entries(fields).filter((field): field is [string, number] => field[1] !== null);
  const gone = Object.keys(fields).filter((name) => fields[name] === null);
  if (set.length > 0) await queue.setQueueMeta(Object.fromEntries(set));
  if (gone.length > 0) await queue.removeQueueMetaFields(gone);
}

/** All that the backends read of a job they finish. */
function finishedJob(runId: string): MinimalJob {
  return { id: runId, opts: { attempts: 1 } } as MinimalJob;
}

async function heldOrLost(move: Promise<unknown>): Promise<boolean> {
  try {
    await move;
    return true;
  } catch (thrown) {
    if (LOST_CODES.has((thrown as { code?: unknown } | null)?.code)) return false;
    throw thrown;
  }
}
