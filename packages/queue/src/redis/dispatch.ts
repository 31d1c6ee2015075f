import { randomBytes } from 'node:crypto';

import { messageOf, type Clock, type Logger } from '@bullpen/core';

import { KEPT_EVENTS, PLAIN_OPTIONS, jobDataOf, jobOptionsOf, readRun } from '../bull-jobs.ts';
import { PASS_MS, type ChargedRun, type Dispatch, type RunEnd, type RunGroup, type TurnRequest, type TurnResult } from '../dispatch.ts';
import type { JobStore } from '../job-store.ts';
import { CostAverages, DEFAULT_COST_SECONDS, QUANTUM_SECONDS } from '../run-cost.ts';
import type { RunScript } from './scripts.ts';
import type { Wake } from './wake.ts';

/** Runs of several organizations in one script: about 1 ms of the server's time. One organization's runs are never split. */
const MAX_ENQUEUED_AT_ONCE = 100;
/** Such scripts at once, of one call: the next is made while the server works on one, and turns come in between. */
const ENQUEUED_UNDER_WAY = 2;
/** Runs that one turn takes at most. */
const MAX_TAKEN_AT_ONCE = 256;

type TurnReply = [lost: number[], looks: (string | number)[], strangers: string[], nextDueMs: string | null];

interface RedisDispatchDeps {
  wake: Pick<Wake, 'wait'>;
  run: RunScript;
  jobs: Pick<JobStore, 'setAside'>;
  workerName: string;
  leaseMs: number;
  clock: Clock;
  log: Logger;
}

/**
 * Dispatch in Redis: one script each for adding runs and for a worker's turn (lua/), so that a crash leaves nothing half
 * done. The queues are BullMQ's, and so is everything that is done with them but these two.
 */
export class RedisDispatch implements Dispatch {
  readonly #deps: RedisDispatchDeps;
  readonly #turnArguments: readonly (string | number)[];
  /** Short: it is kept with every lease. */
  readonly #tokenBase = randomBytes(9).toString('base64url');
  readonly #averages = new CostAverages();
  #turns = 0;

  constructor(deps: RedisDispatchDeps) {
    this.#deps = deps;
    this.#turnArguments = [KEPT_EVENTS, deps.workerName, deps.leaseMs];
  }

  async enqueue(groups: readonly RunGroup[]): Promise<void> {
    const slices = slicesOf(groups, MAX_ENQUEUED_AT_ONCE).values();
    await Promise.all(Array.from({ length: ENQUEUED_UNDER_WAY }, () => this.#addEach(slices)));
  }

  async turn({ ends, max, full }: TurnRequest): Promise<TurnResult> {
    const leaseToken = `${this.#tokenBase}:${(this.#turns += 1)}`;
    const args: (string | number)[] = [this.#deps.clock.nowMs(), ...this.#turnArguments, leaseToken, DEFAULT_COST_SECONDS, QUANTUM_SECONDS, Math.min(max, MAX_TAKEN_AT_ONCE), passedOver(full)];
    for (const group of byLease(ends)) this.#pushEnds(args, group);
    const [lost, flat, strangers, nextDue] = (await this.#deps.run('turn', args)) as TurnReply;
    for (let i = 0; i < strangers.length; i += 2) this.#setAside(strangers[i]!, strangers[i + 1]!, leaseToken, 'its name or data');
    const runs: ChargedRun[] = [];
    for (let i = 0; i < flat.length;) i = this.#readLook(flat, i, leaseToken, runs);
    return { lost: new Set(lost.map((place) => place - 1)), runs, nextDueMs: nextDue === null ? null : Number(nextDue) };
  }

  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#deps.wake.wait(timeoutMs, signal);
  }

  async #addEach(slices: Iterable<readonly RunGroup[]>): Promise<void> {
    for (const slice of slices) await this.#add(slice);
  }

  async #add(groups: readonly RunGroup[]): Promise<void> {
    const args: (string | number)[] = [this.#deps.clock.nowMs(), PLAIN_OPTIONS];
    for (const group of groups) pushGroup(args, group);
    await this.#deps.run('enqueue', args);
  }

  /** Those that ended of one organization and token. */
  #pushEnds(args: (string | number)[], ends: readonly RunEnd[]): void {
    const { orgId, leaseToken } = ends[0]!.taken;
    let freedMb = 0;
    let told: number | null = null;
    for (const { taken, costSeconds } of ends) {
      freedMb += taken.memoryMb;
      if (costSeconds !== null) told = this.#averages.learn(orgId, costSeconds) ?? told;
    }
    args.push(orgId, leaseToken, freedMb, told ?? '', ends.length);
    for (const { taken, owedSeconds } of ends) args.push(taken.runId, owedSeconds);
  }

  /** What one look took, from `at` on in the answer. @returns where the next one begins */
  #readLook(flat: readonly (string | number)[], at: number, leaseToken: string, runs: ChargedRun[]): number {
    const [orgId, chargedSeconds] = [String(flat[at]), Number(flat[at + 1])];
    const end = at + 3 + 3 * Number(flat[at + 2]);
    for (let i = at + 3; i < end; i += 3) {
      const runId = String(flat[i]);
      const read = readRun(runId, String(flat[i + 1]));
      if (read.kind === 'run') runs.push({ taken: { orgId, ...read.run, redelivered: flat[i + 2] !== 0, leaseToken }, chargedSeconds });
      else this.#setAside(orgId, runId, leaseToken, read.reason);
    }
    return end;
  }

  /** Out of the way of the runs behind it; where that fails its lease runs out, and it is met again. */
  #setAside(orgId: string, jobId: string, leaseToken: string, reason: string): void {
    const { jobs, log } = this.#deps;
    log.error({ orgId, jobId, reason }, 'queue.foreign_job');
    jobs.setAside(orgId, jobId, leaseToken, `not a run of Bullpen: ${reason}`).catch((thrown: unknown) => {
      log.warn({ orgId, jobId, error: messageOf(thrown) }, 'queue.set_aside_failed');
    });
  }
}

/** For the script: how long, and then whom. Ids of organizations hold no blanks. */
function passedOver(full: readonly string[]): string {
  return full.length === 0 ? '' : [PASS_MS, ...full].join(' ');
}

/** Of runs without delay and priority, which are nearly all, only what differs. */
function pushGroup(args: (string | number)[], { orgId, runs, priorities }: RunGroup): void {
  const isPlain = runs.every((run, i) => !(run.delayMs > 0) && !priorities[i]);
  args.push(orgId, isPlain ? runs.length : -runs.length);
  runs.forEach((run, i) => {
    args.push(run.runId, jobDataOf(run));
    if (!isPlain) args.push(jobOptionsOf(run, priorities[i] ?? 0), Math.max(0, Math.ceil(run.delayMs)), priorities[i] ?? 0);
  });
}

/** In their order, those that follow one another and share organization and token together: mostly what one look took. */
function byLease(ends: readonly RunEnd[]): RunEnd[][] {
  const groups: RunEnd[][] = [];
  for (const end of ends) {
    const last = groups.at(-1);
    if (last !== undefined && last[0]!.taken.leaseToken === end.taken.leaseToken && last[0]!.taken.orgId === end.taken.orgId) last.push(end);
    else groups.push([end]);
  }
  return groups;
}

/** Groups in slices of about so many runs. */
function slicesOf(groups: readonly RunGroup[], maxRuns: number): RunGroup[][] {
  const slices: RunGroup[][] = [];
  let room = 0;
  for (const group of groups) {
    if (room <= 0) {
      slices.push([]);
      room = maxRuns;
    }
    slices.at(-1)!.push(group);
    room -= group.runs.length;
  }
  return slices;
}
