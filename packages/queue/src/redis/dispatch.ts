import { messageOf, type Clock, type EnqueuedRun, type Logger } from '@bullpen/core';
import type { Redis } from 'ioredis';

import { KEPT_EVENTS, jobDataOf, jobOptionsOf, readRun } from '../bull-jobs.ts';
import { PASS_MS, type ChargedRun, type Dispatch, type RunEnd, type RunGroup, type TurnRequest, type TurnResult } from '../dispatch.ts';
import type { JobStore } from '../job-store.ts';
import { CostAverages, DEFAULT_COST_SECONDS } from '../run-cost.ts';
import { queueAffixes, readySetKey } from './keys.ts';
import type { RunScript } from './scripts.ts';

/**
 * Longest single block. A worker that was woken for `later` and then fills up leaves nobody else with the right
 * timeout; this bounds how late such an organization is offered.
 */
const MAX_BLOCK_MS = 1000;
/** How often CLIENT UNBLOCK is repeated: the first may reach the server before the BZPOPMIN does. */
const UNBLOCK_RETRY_MS = 20;
/** Runs of several organizations in one script: about 10 ms of the server's time. One organization's runs are never split. */
const MAX_ENQUEUED_AT_ONCE = 250;
/** Runs that one turn takes at most. */
const MAX_TAKEN_AT_ONCE = 256;

type TurnReply = [lost: number[], runs: string[], strangers: string[], nextDueMs: string | null];

interface RedisDispatchDeps {
  /** Shared with BullMQ. */
  client: Redis;
  /** Used for BZPOPMIN only. */
  blocking: Redis;
  run: RunScript;
  jobs: Pick<JobStore, 'setAside'>;
  prefix: string;
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
  readonly #queueArguments: readonly (string | number)[];
  readonly #turnArguments: readonly (string | number)[];
  readonly #tokenBase = crypto.randomUUID();
  readonly #averages = new CostAverages();
  #turns = 0;

  constructor(deps: RedisDispatchDeps) {
    this.#deps = deps;
    const { head, tail } = queueAffixes(deps.prefix);
    this.#queueArguments = [head, tail, KEPT_EVENTS];
    this.#turnArguments = [head, tail, KEPT_EVENTS, deps.workerName, deps.leaseMs];
  }

  async enqueue(groups: readonly RunGroup[]): Promise<void> {
    await Promise.all(slicesOf(groups, MAX_ENQUEUED_AT_ONCE).map((slice) => this.#add(slice)));
  }

  async turn({ ends, max, full }: TurnRequest): Promise<TurnResult> {
    const leaseToken = `${this.#tokenBase}:${(this.#turns += 1)}`;
    const args: (string | number)[] = [this.#deps.clock.nowMs(), ...this.#turnArguments, leaseToken, DEFAULT_COST_SECONDS, Math.min(max, MAX_TAKEN_AT_ONCE), passedOver(full)];
    for (const end of ends) this.#pushEnd(args, end);
    const [lost, flat, strangers, nextDue] = (await this.#deps.run('turn', args)) as TurnReply;
    for (let i = 0; i < strangers.length; i += 2) this.#setAside(strangers[i]!, strangers[i + 1]!, leaseToken, 'its name or data');
    const runs: ChargedRun[] = [];
    for (let i = 0; i < flat.length; i += 5) {
      const [orgId, runId, data, before] = [flat[i]!, flat[i + 1]!, flat[i + 2]!, flat[i + 3]!];
      const read = readRun(orgId, runId, data);
      if (read.kind === 'run') runs.push({ taken: { orgId, ...read.run, redelivered: Number(before) > 0, leaseToken }, chargedSeconds: Number(flat[i + 4]) });
      else this.#setAside(orgId, runId, leaseToken, read.reason);
    }
    return { lost: new Set(lost.map((place) => place - 1)), runs, nextDueMs: nextDue === null ? null : Number(nextDue) };
  }

  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { blocking, prefix } = this.#deps;
    const seconds = Math.min(timeoutMs, MAX_BLOCK_MS) / 1000;
    const clientId = blocking.client('ID').catch(() => null);
    const pop = blocking.bzpopmin(readySetKey(prefix, 'wake'), seconds);
    const stopUnblocking = this.#unblockOnAbort(signal, clientId);
    try {
      await pop;
    } finally {
      stopUnblocking();
    }
  }

  async #add(groups: readonly RunGroup[]): Promise<void> {
    const args: (string | number)[] = [this.#deps.clock.nowMs(), ...this.#queueArguments];
    for (const { orgId, runs, priorities } of groups) {
      args.push(orgId, runs.length);
      for (let i = 0; i < runs.length; i += 1) pushRun(args, runs[i]!, priorities[i] ?? 0);
    }
    await this.#deps.run('enqueue', args);
  }

  #pushEnd(args: (string | number)[], { taken: { orgId, runId, leaseToken, memoryMb }, owedSeconds, costSeconds }: RunEnd): void {
    args.push(orgId, runId, leaseToken, memoryMb, owedSeconds, (costSeconds === null ? null : this.#averages.learn(orgId, costSeconds)) ?? '');
  }

  /** Out of the way of the runs behind it; where that fails its lease runs out, and it is met again. */
  #setAside(orgId: string, jobId: string, leaseToken: string, reason: string): void {
    const { jobs, log } = this.#deps;
    log.error({ orgId, jobId, reason }, 'queue.foreign_job');
    jobs.setAside(orgId, jobId, leaseToken, `not a run of Bullpen: ${reason}`).catch((thrown: unknown) => {
      log.warn({ orgId, jobId, error: messageOf(thrown) }, 'queue.set_aside_failed');
    });
  }

  /** CLIENT UNBLOCK ends the pop cleanly; cutting the connection would mean to make it again. */
  #unblockOnAbort(signal: AbortSignal, clientId: Promise<number | null>): () => void {
    let timer: NodeJS.Timeout | undefined;
    const unblock = (): void => {
      timer = setInterval(() => void this.#unblock(clientId), UNBLOCK_RETRY_MS);
      void this.#unblock(clientId);
    };
    signal.addEventListener('abort', unblock, { once: true });
    return () => {
      signal.removeEventListener('abort', unblock);
      clearInterval(timer);
    };
  }

  async #unblock(clientId: Promise<number | null>): Promise<void> {
    const id = await clientId;
    // A failure means that Redis is away: then the pop fails as well, and that ends the wait.
    if (id !== null) await this.#deps.client.client('UNBLOCK', id).catch(() => undefined);
  }
}


/** For the script: how long, and then whom. Ids of organizations hold no blanks. */
function passedOver(full: readonly string[]): string {
  return full.length === 0 ? '' : [PASS_MS, ...full].join(' ');
}

function pushRun(args: (string | number)[], run: EnqueuedRun, priority: number): void {
  args.push(run.runId, jobDataOf(run), jobOptionsOf(run, priority), Math.max(0, Math.ceil(run.delayMs)), priority);
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
