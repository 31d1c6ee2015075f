import {
  assertNever, errorCodeOf, messageOf, type AttemptOutcome, type Clock, type Faults, type FinishedRun, type Logger, type RunEnd, type RunState,
} from '@bullpen/core';
import type { ClaimedRun, ClaimResult, RunStore } from '@bullpen/db';
import { finishedRunOf, type MetricsCollector } from '@bullpen/metrics';
import { runTopic, type LiveBus, type RunQueue, type TakenRun } from '@bullpen/queue';
import type { Admission, AgentRuntimeManager } from '@bullpen/runtime';

import { tokensOf, traceAttempt, type AttemptTrace } from './attempt-trace.ts';
import type { ActiveRuns } from './active-runs.ts';
import { cancelled, decideAttempt, type AttemptDecision } from './attempt-decision.ts';
import type { AuthorStack } from './author-stack.ts';
import type { OutputCheck } from './output-check.ts';
import { runEndOf, type Finished, type Recorded } from './run-end.ts';
import { RunEventWriter } from './run-event-writer.ts';
import type { VersionConcurrency } from './version-concurrency.ts';

/**
 * One taken run, from claim to completed job: claim -> execute -> record -> complete. It guarantees that
 * - nothing is executed that Postgres does not give to this worker (the claim), and nothing recorded after another worker
 *   took over (the lease number in every write);
 * - the result is written before the job is completed; if it cannot be written, the job is given back;
 * - every path releases the admission and lets go of the job, and none throws.
 */
export interface RunExecutorDeps {
  workerId: string;
  store: RunStore;
  queue: RunQueue;
  outputs: OutputCheck;
  stacks: AuthorStack;
  concurrency: VersionConcurrency;
  runtime: AgentRuntimeManager;
  bus: LiveBus;
  metrics: MetricsCollector;
  active: ActiveRuns;
  faults: Faults;
  clock: Clock;
  log: Logger;
  random: () => number;
}

/** An attempt as it ended, before its record. */
interface Ended {
  outcome: AttemptOutcome;
  startedAtMs: number | null;
  tokens: number;
  trace: AttemptTrace | null;
}

type Told = Pick<Ended, 'startedAtMs' | 'tokens'>;

/** After a fault of Postgres the run is offered again, but not at once. */
const PARK_AFTER_FAULT_MS = 1000;
const ANNOUNCE_RUNNING_AFTER_MS = 20;
const NOTHING_USED = { gbSeconds: 0, cpuMs: 0 };

export class RunExecutor {
  readonly #deps: RunExecutorDeps;

  constructor(deps: RunExecutorDeps) {
    this.#deps = deps;
  }

  async run(taken: TakenRun, admission: Admission): Promise<void> {
    const { active, queue } = this.#deps;
    const { orgId, runId } = taken;
    // Known before the claim: a cancel that arrives in between must find it.
    const signal = active.add(taken);
    const log = this.#deps.log.child({ orgId, runId });
    const takenAtMs = this.#deps.clock.nowMs();
    try {
      const waitMs = await this.#deps.concurrency.waitMs(taken);
      if (waitMs !== null) {
        await queue.retryLater(taken, waitMs, NOTHING_USED);
        return;
      }
      const claim = await this.#deps.store.claim({ orgId, runId, workerId: this.#deps.workerId });
      await this.#deps.faults.hit('after-claim');
      if (claim.kind === 'claimed') await this.#attempt({ ...taken, takenAtMs }, claim.run, admission, signal, log);
      else await this.#letGo(taken, claim, log);
    } catch (error) {
      log.error({ err: error, reason: messageOf(error) }, 'run.given_back');
      await queue.giveBack(taken, { parkMs: PARK_AFTER_FAULT_MS }).catch((lost: unknown) => {
        // The lease runs out by itself; the sweep of any worker offers the run again.
        log.warn({ reason: messageOf(lost) }, 'run.give_back_failed');
      });
    } finally {
      admission.release();
      active.delete(taken);
    }
  }

  /** A run that is not this worker's to execute: finished, expired, gone, or taken too often. */
  async #letGo(taken: TakenRun, claim: Exclude<ClaimResult, { kind: 'claimed' }>, log: Logger): Promise<void> {
    log.info({ claim: claim.kind }, 'run.not_claimed');
    await this.#deps.queue.complete(taken);
    await this.#deps.concurrency.left(taken);
    // Ended by the claim itself: nobody else will count it, or tell of it.
    if (!('run' in claim)) return;
    const ended = finishedRunOf(claim.run);
    if (ended !== null) this.#deps.metrics.record(ended);
    await this.#announce(taken.orgId, taken.runId, claim.run.state, claim.run.attempt);
  }

  async #attempt(taken: TakenRun & { takenAtMs: number }, run: ClaimedRun, admission: Admission, signal: AbortSignal, parentLog: Logger): Promise<void> {
    const log = parentLog.child({ attempt: run.attempt });
    // Who looks sees it in the row; who listens is spared the message about a run that is over at once.
    const announcing = setTimeout(() => { void this.#announce(run.orgId, run.runId, 'running', run.attempt); }, ANNOUNCE_RUNNING_AFTER_MS);
    const events = new RunEventWriter(run, { ...this.#deps, log });
    const trace = traceAttempt(run, { workerId: this.#deps.workerId, takenAtMs: taken.takenAtMs });
    let startedAtMs: number | null = null;
    let tokens = 0;
    const executing = this.#deps.runtime.execute(admission, trace === null ? run : { ...run, traceparent: trace.traceparent }, {
      started: (atMs) => {
        startedAtMs = atMs;
        trace?.started(atMs);
      },
      event: (event) => {
        events.say(event);
        if (event.type !== 'span') return;
        tokens += tokensOf(event);
        trace?.heard(event);
      },
    }, signal);
    // While the run is on its way: a line takes as long to write as a run to hand over.
    log.info({ agent: run.agent, version: run.version, lease: run.lease }, 'run.claimed');
    const executed = await executing;
    clearTimeout(announcing);
    const outcome = await this.#deps.stacks.mapped(run, await this.#deps.outputs.judge(run, executed));
    await this.#deps.faults.hit('after-execute');
    await events.flush();
    await this.#settle(taken, run, { outcome, startedAtMs, tokens, trace }, log);
  }

  async #settle(taken: TakenRun, run: ClaimedRun, { outcome, startedAtMs, tokens, trace }: Ended, log: Logger): Promise<void> {
    const decision = decideAttempt(run, outcome, this.#deps.random);
    const endTrace = trace?.ended(outcome.kind === 'failed' ? outcome.error.code : null);
    const recorded = await this.#record(run, decision, { startedAtMs, tokens }, log);
    endTrace?.(recorded === null ? 'fenced_out' : stateAfter(recorded));
    await this.#deps.faults.hit('after-record');
    if (recorded === null) {
      log.warn({ lease: run.lease }, 'run.fenced_out');
      return;
    }
    const end = runEndOf(run, this.#deps.workerId, recorded);
    const settling = Promise.all([this.#announce(run.orgId, run.runId, stateAfter(recorded), run.attempt, end), this.#settleJob(taken, recorded).then(() => this.#deps.concurrency.left(run))]);
    log.info({ decision: recorded.kind, ...(recorded.kind === 'finish' ? { state: recorded.state, code: recorded.error?.code } : {}) }, 'run.recorded');
    await settling;
    await this.#deps.faults.hit('after-complete');
  }

  /** The decision as it was written, or null when another worker holds the run by now. */
  async #record(run: ClaimedRun, decision: AttemptDecision, told: Told, log: Logger): Promise<Recorded | null> {
    const { store, clock } = this.#deps;
    const key = { orgId: run.orgId, runId: run.runId, lease: run.lease };
    switch (decision.kind) {
      case 'finish':
        return this.#finish(run, decision, told, log);
      case 'retry': {
        const { error, usage, kill, delayMs } = decision;
        if (await store.retry({ ...key, error, usage, kill, startedAtMs: told.startedAtMs, notBeforeMs: clock.nowMs() + delayMs })) return decision;
        // Refused: fenced out, or cancelled while it ran, and then the cancel stands.
        return this.#finish(run, cancelled(usage, kill), told, log);
      }
      case 'release':
        return (await store.release({ ...key, reason: decision.reason, kill: decision.kill })) ? decision : null;
      default:
        return assertNever(decision, 'attempt decision');
    }
  }

  async #finish(run: ClaimedRun, decision: AttemptDecision & { kind: 'finish' }, { startedAtMs, tokens }: Told, log: Logger): Promise<Finished | null> {
    const { state, resultJson, error, usage, kill } = decision;
    const finishedAtMs = this.#deps.clock.nowMs();
    const write = { orgId: run.orgId, runId: run.runId, lease: run.lease, state, resultJson, error, usage, kill, startedAtMs, finishedAtMs };
    let written: AttemptDecision & { kind: 'finish' } = decision;
    let won: boolean;
    try {
      won = await this.#deps.store.finish(write);
    } catch (refused) {
      if (errorCodeOf(refused) !== 'RECORD_FAILED') throw refused;
      // Postgres will not hold this result, now or later: the run ends with that, never as `running`.
      log.error({ reason: messageOf(refused) }, 'run.record_refused');
      const failure = { code: 'RECORD_FAILED', message: messageOf(refused) };
      written = { kind: 'finish', state: 'failed', resultJson: null, error: failure, usage, kill };
      won = await this.#deps.store.finish({ ...write, state: 'failed', resultJson: null, error: failure });
    }
    if (!won) return null;
    this.#deps.metrics.record({ ...finishedRun(run, written, finishedAtMs), tokens });
    return { ...written, startedAtMs, finishedAtMs };
  }

  async #settleJob(taken: TakenRun, decision: AttemptDecision): Promise<void> {
    const { queue } = this.#deps;
    switch (decision.kind) {
      case 'finish': return queue.complete(taken, decision.usage ?? undefined);
      case 'retry': return queue.retryLater(taken, decision.delayMs, decision.usage ?? undefined);
      case 'release': return queue.giveBack(taken);
      default: return assertNever(decision, 'attempt decision');
    }
  }

  async #announce(orgId: string, runId: string, state: RunState, attempt: number, end?: RunEnd): Promise<void> {
    const at = new Date(this.#deps.clock.nowMs()).toISOString();
    await this.#deps.bus.publish(runTopic(orgId, runId), { kind: 'state', change: { state, attempt, at }, ...(end && { end }) });
  }
}

function stateAfter(decision: AttemptDecision): RunState {
  switch (decision.kind) {
    case 'finish': return decision.state;
    case 'retry': return 'retrying';
    case 'release': return 'queued';
    default: return assertNever(decision, 'attempt decision');
  }
}

function finishedRun(run: ClaimedRun, decision: AttemptDecision & { kind: 'finish' }, finishedAtMs: number): FinishedRun {
  return {
    orgId: run.orgId,
    runId: run.runId,
    agent: run.agent,
    version: run.version,
    tier: run.tier,
    state: decision.state,
    errorCode: decision.error?.code ?? null,
    finishedAtMs,
    queueWaitMs: Math.max(0, run.claimedAtMs - Math.max(run.queuedAtMs, run.notBeforeMs ?? 0)),
    usage: decision.usage,
  };
}
