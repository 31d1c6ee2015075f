import { randomBytes } from 'node:crypto';

import { messageOf, type Clock, type EnqueuedRun, type Logger } from '@bullpen/core';

import { KEPT_EVENTS, jobDataOf, jobOptionsOf, readRun } from '../bull-jobs.ts';
import { PASS_MS, type ChargedRun, type Dispatch, type RunEnd, type RunGroup, type TurnRequest, type TurnResult } from '../dispatch.ts';
import type { JobStore } from '../job-store.ts';
import { CostAverages, DEFAULT_COST_SECONDS, QUANTUM_SECONDS } from '../run-cost.ts';
import type { RunScript } from './scripts.ts';
import type { Wake } from './wake.ts';

/** Runs of several organizations in one script: about 1 ms of the server's time. One organization's runs are never split. */
const MAX_ENQUEUED_AT_ONCE = 100;
/** Runs that one turn takes at most. */
const MAX_TAKEN_AT_ONCE = 256;

type TurnReply = [lost: number[], runs: string[], strangers: string[], nextDueMs: string | null];

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
    await Promise.all(slicesOf(groups, MAX_ENQUEUED_AT_ONCE).map((slice) => this.#add(slice)));
  }

  async turn({ ends, max, full }: TurnRequest): Promise<TurnResult> {
    const leaseToken = `${this.#tokenBase}:${(this.#turns += 1)}`;
    const args: (string | number)[] = [this.#deps.clock.nowMs(), ...this.#turnArguments, leaseToken, DEFAULT_COST_SECONDS, QUANTUM_SECONDS, Math.min(max, MAX_TAKEN_AT_ONCE), passedOver(full)];
    for (const end of ends) this.#pushEnd(args, end);
    const [lost, flat, strangers, nextDue] = (await this.#deps.run('turn', args)) as TurnReply;
    for (let i = 0; i < strangers.length; i += 2) this.#setAside(strangers[i]!, strangers[i + 1]!, leaseToken, 'its name or data');
    const runs: ChargedRun[] = [];
    for (let i = 0; i < flat.length; i += 5) {
      const [orgId, runId, data, before] = [flat[i]!, flat[i + 1]!, flat[i + 2]!, flat[i + 3]!];
      const read = readRun(runId, data);
      if (read.kind === 'run') runs.push({ taken: { orgId, ...read.run, redelivered: Number(before) > 0, leaseToken }, chargedSeconds: Number(flat[i + 4]) });
      else this.#setAside(orgId, runId, leaseToken, read.reason);
    }
    return { lost: new Set(lost.map((place) => place - 1)), runs, nextDueMs: nextDue === null ? null : Number(nextDue) };
  }

  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#deps.wake.wait(timeoutMs, signal);
  }

  async #add(groups: readonly RunGroup[]): Promise<void> {
    const args: (string | number)[] = [this.#deps.clock.nowMs()];
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
