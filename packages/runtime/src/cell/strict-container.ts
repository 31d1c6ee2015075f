import { fileURLToPath } from 'node:url';

import {
  BullpenError, LIMIT_BOUNDS, assertNever, messageOf, newId,
  type AttemptOutcome, type Clock, type ContainerDeath, type ContainerSnapshot, type ContainerState, type RunUsage,
} from '@bullpen/core';

import { AttemptEvents } from '../attempt-events.ts';
import { AttemptWatch } from '../attempt-watch.ts';
import { within } from '../bounded-wait.ts';
import type { ContainerFactory, ContainerPlan, ContainerTask, RuntimeContainer } from '../container.ts';
import { SOCKET_NAME } from '../egress/egress-proxy.ts';
import { AttemptCalls } from '../host/attempt-calls.ts';
import { NO_USAGE, failure } from '../outcomes.ts';
import { asReply, type Reply } from '../reply.ts';
import { deathAfter, judge, type AttemptEnding, type OwnDeath } from '../verdict.ts';
import type { CellPool } from './cell-pool.ts';
import type { CellEnd, CellProcess } from './cell-process.ts';
import type { CellTask, FrameFromCell } from './cell-protocol.ts';
import type { CellReading } from './process-readings.ts';
import { CELL_EGRESS_DIR } from './wall.ts';

/**
 * The container of tier strict: a blank cell out of the pool, used for one attempt and destroyed. Guarantees: an attempt
 * ends in one outcome, decided from what is seen from outside before what the cell says; memory beyond the limit, CPU
 * time beyond its allowance and a frame that is none end the cell at once; nothing of it serves a second attempt.
 */
export interface StrictContainerOptions {
  readonly pool: Pick<CellPool, 'take'>;
  readonly clock: Clock;
  /** From an interruption to the kill. Default 250. */
  readonly graceMs?: number;
  /** Between two readings of a running cell. Default 10. */
  readonly sampleMs?: number;
  /** CPU time an attempt may take, as a multiple of its wall-clock limit. Default 2: two busy cores. */
  readonly cpuPerWall?: number;
}

const BUNDLE_URL = 'file:///bundle/bundle.mjs';
/** How long an outcome waits for a killed cell to be gone. */
const KILL_WAIT_MS = 2000;
/** V8's own: code, compiler, young generation. Beyond limit and this the cell is killed. */
const slackMb = (limitMb: number) => Math.max(4, limitMb / 8);
/** Node's words for memory that the kernel refused. */
const REFUSED_MEMORY = /^RangeError: (Array buffer allocation failed|Failed to allocate memory|WebAssembly\.Memory\(\): could not allocate memory|WebAssembly\.Memory\.grow\(\): Unable to grow instance memory)/;

interface Running {
  readonly task: ContainerTask;
  readonly cell: CellProcess;
  readonly events: AttemptEvents;
  readonly watch: AttemptWatch;
  readonly calls: AttemptCalls;
  readonly beganMs: number;
  readonly before: CellReading;
  readonly replied: PromiseWithResolvers<AttemptEnding>;
  hasStarted: boolean;
  dropped: number;
}

/** Containers of tier strict. */
export function createStrictContainers(options: StrictContainerOptions): ContainerFactory {
  return (plan) => {
    if (plan.limitMb >= LIMIT_BOUNDS.memoryMb.min) return new StrictContainer(plan, options);
    throw new BullpenError('LIMIT_EXCEEDED', `a container takes at least ${LIMIT_BOUNDS.memoryMb.min} MB`, { limitMb: plan.limitMb });
  };
}

class StrictContainer implements RuntimeContainer {
  readonly id = newId('container');
  readonly tier = 'strict' as const;
  readonly orgId: string;
  readonly limitMb: number;
  readonly #options: Required<StrictContainerOptions>;
  readonly #bornMs: number;
  readonly #gone = Promise.withResolvers<void>();
  #state: ContainerState = 'starting';
  #death: ContainerDeath | null = null;
  #cell: CellProcess | null = null;
  #running: Running | null = null;
  #runs = 0;
  #last: CellReading = { privateMb: 0, cpuMs: 0 };
  #peakMb = 0;

  constructor(plan: ContainerPlan, options: StrictContainerOptions) {
    this.orgId = plan.orgId;
    this.limitMb = plan.limitMb;
    this.#options = { graceMs: 250, sampleMs: 10, cpuPerWall: 2, ...options };
    this.#bornMs = options.clock.monotonicMs();
  }

  get state(): ContainerState {
    return this.#state;
  }

  get death(): ContainerDeath | null {
    return this.#death;
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Nothing is ever warm here: no cell has seen a bundle. */
  hasWarm(): boolean {
    return false;
  }

  async start(): Promise<void> {
    try {
      const cell = await this.#options.pool.take(this.limitMb);
      this.#cell = cell;
      void cell.gone.then(() => this.#onCellGone());
      if (this.#death !== null) throw new Error('it was ended while it started');
      this.#last = cell.read() ?? this.#last;
      this.#state = 'warm';
    } catch (error) {
      void this.kill('crashed');
      if (this.#cell === null) this.#onCellGone();
      throw new BullpenError('CONTAINER_CRASHED', `the cell could not start: ${messageOf(error)}`, { containerId: this.id });
    }
  }

  async settled(): Promise<boolean> {
    return this.#state === 'warm';
  }

  async execute(task: ContainerTask): Promise<AttemptOutcome> {
    const cell = this.#cell;
    if (this.#state !== 'warm' || cell === null) return failure('crashed', 'CONTAINER_CRASHED', `the container was ${this.#state}`, NO_USAGE);
    const running = this.#begin(task, cell);
    const sampling = setInterval(() => this.#sample(running), this.#options.sampleMs);
    const ending = await this.#handOver(running);
    clearInterval(sampling);
    this.#sample(running);
    running.watch.close();
    running.calls.close();
    const wallMs = this.#options.clock.monotonicMs() - running.beganMs;
    const { cause } = running.watch;
    const isOver = cause !== null || ending.kind === 'died';
    if (isOver) await this.#end(cell);
    running.events.finish(running.dropped);
    const evidence = { cause, fault: running.events.fault, ending, usage: this.#usage(running, wallMs), limitMb: this.limitMb, timeoutMs: task.attempt.timeoutMs };
    this.#running = null;
    void this.kill(deathAfter(evidence) ?? 'recycled');
    return judge(evidence);
  }

  #begin(task: ContainerTask, cell: CellProcess): Running {
    this.#state = 'busy';
    this.#runs = 1;
    const watch = new AttemptWatch({
      timeoutMs: task.attempt.timeoutMs,
      limitMb: this.limitMb,
      graceMs: this.#options.graceMs,
      interrupt: task.interrupt,
      askToStop: (reason) => void cell.say(`1 ${reason}`),
    });
    task.host.onLimit((error) => watch.limit('failed', error.code, error.message));
    const calls = new AttemptCalls(task.host, (json) => cell.say(`answer 1 ${json}`));
    const replied = Promise.withResolvers<AttemptEnding>();
    const beganMs = this.#options.clock.monotonicMs();
    this.#running = { task, cell, events: new AttemptEvents(task.sink), watch, calls, beganMs, before: this.#last, replied, hasStarted: false, dropped: 0 };
    return this.#running;
  }

  async #handOver(running: Running): Promise<AttemptEnding> {
    const { cell, watch, replied, task } = running;
    watch.kill.addEventListener('abort', () => cell.kill());
    if (watch.kill.aborted) cell.kill();
    void cell.gone.then((end) => replied.resolve({ kind: 'died', how: deathOfCell(end) }));
    try {
      cell.run(fileURLToPath(task.bundleUrl), this.#cellTask(task), {
        onFrame: (frame) => this.#hear(running, frame),
        onViolation: (error) => watch.limit('crashed', 'CONTAINER_CRASHED', messageOf(error)),
      });
    } catch (error) {
      watch.limit('crashed', 'CONTAINER_CRASHED', `the bundle could not be handed over: ${messageOf(error)}`);
    }
    return await replied.promise;
  }

  #cellTask({ attempt, egressProxy }: ContainerTask): CellTask {
    const { runId, orgId, agent, version, metadata, inputJson } = attempt;
    const deadline = this.#options.clock.nowMs() + attempt.timeoutMs;
    const egress = egressProxy === undefined ? {} : { egressProxy: { socketPath: `${CELL_EGRESS_DIR}/${SOCKET_NAME}`, token: egressProxy.token } };
    return { attemptNo: 1, bundleUrl: BUNDLE_URL, inputJson, deadline, attempt: attempt.attempt, run: { id: runId, orgId, agent, version, metadata }, ...egress };
  }

  #hear(running: Running, frame: FrameFromCell): void {
    const { events, watch, task } = running;
    switch (frame.kind) {
      case 'ready': // heard by the start
        break;
      case 'started':
        if (!running.hasStarted) task.sink.started();
        running.hasStarted = true;
        break;
      case 'event':
        events.take(JSON.stringify(frame.event ?? null));
        break;
      case 'call':
        running.calls.take(frame.call);
        break;
      case 'fault':
        events.refuse(`${frame.code} ${frame.detail}`);
        break;
      case 'dropped':
        running.dropped = Math.max(running.dropped, frame.count);
        break;
      case 'reply':
        running.dropped = Math.max(running.dropped, frame.dropped);
        running.replied.resolve(this.#endingOf(asReply(frame.reply)));
        break;
      default:
        assertNever(frame, 'frame');
    }
    if (events.fault !== null) watch.eventFault();
  }

  /** An agent that ends because the kernel refused it memory ran into its limit, whoever noticed first. */
  #endingOf(reply: Reply | null): AttemptEnding {
    if (reply?.kind === 'threw' && REFUSED_MEMORY.test(reply.message)) return { kind: 'died', how: { kind: 'heap_limit' } };
    return { kind: 'replied', reply };
  }

  /** Holds the cell to its limits by what /proc says. */
  #sample({ cell, watch, before, task }: Running): void {
    const reading = cell.read();
    if (reading === null) return;
    this.#last = reading;
    const usedMb = reading.privateMb - before.privateMb;
    this.#peakMb = Math.max(this.#peakMb, usedMb);
    const cpuMs = reading.cpuMs - before.cpuMs;
    const cpuLimitMs = task.attempt.timeoutMs * this.#options.cpuPerWall;
    if (usedMb > this.limitMb + slackMb(this.limitMb)) {
      watch.limit('out_of_memory', 'OUT_OF_MEMORY', `${Math.round(usedMb)} MB are beyond the limit of ${this.limitMb} MB`);
    } else if (cpuMs > cpuLimitMs) {
      watch.limit('cpu_exceeded', 'CPU_EXCEEDED', `${Math.round(cpuMs)} ms of CPU time are beyond the allowance of ${cpuLimitMs} ms`);
    }
  }

  #usage({ before }: Running, wallMs: number): RunUsage {
    return {
      wallMs,
      cpuMs: Math.max(0, this.#last.cpuMs - before.cpuMs),
      peakHeapMb: this.#peakMb,
      peakExternalMb: 0,
      gbSeconds: (this.limitMb / 1024) * (wallMs / 1000),
    };
  }

  async #end(cell: CellProcess): Promise<void> {
    cell.kill();
    await within(cell.gone, KILL_WAIT_MS, 'it is still there').catch(() => undefined);
  }

  async kill(death: ContainerDeath): Promise<void> {
    this.#death ??= death;
    if (this.#state !== 'dead') this.#state = 'recycling';
    if (this.#cell?.hasEnded === true) this.#onCellGone();
    else this.#cell?.kill();
    await this.#gone.promise;
  }

  /** An attempt that runs when its cell goes names the reason first, and comes back here. */
  #onCellGone(): void {
    if (this.#running !== null) return;
    this.#death ??= 'exited';
    this.#state = 'dead';
    this.#gone.resolve();
  }

  snapshot(): ContainerSnapshot {
    return {
      id: this.id,
      orgId: this.orgId,
      tier: this.tier,
      state: this.#state,
      death: this.#state === 'busy' ? null : this.#death,
      limitMb: this.limitMb,
      heapMb: this.#last.privateMb,
      externalMb: 0,
      cpuMs: this.#last.cpuMs,
      runs: this.#runs,
      runId: this.#running?.task.attempt.runId ?? null,
      ageMs: this.#options.clock.monotonicMs() - this.#bornMs,
    };
  }
}

/** Signals by the code that bubblewrap makes of them: 128 and the number. */
const SIGNALS: Readonly<Record<number, string>> = {
  132: 'SIGILL', 133: 'SIGTRAP', 134: 'SIGABRT', 135: 'SIGBUS', 137: 'SIGKILL', 139: 'SIGSEGV', 143: 'SIGTERM', 152: 'SIGXCPU',
  159: 'SIGSYS (a system call that is forbidden in a cell)',
};

/** Read only where nobody outside ended the cell: what the agent could forge here says something about itself only. */
function deathOfCell({ exitCode, lastWords }: CellEnd): OwnDeath {
  if (/out of memory/i.test(lastWords)) return { kind: 'heap_limit' };
  const signal = exitCode === null ? undefined : SIGNALS[exitCode];
  if (signal !== undefined) return { kind: 'failed', message: `the process of the agent died by ${signal}` };
  return exitCode === null ? { kind: 'failed', message: 'the cell was killed from outside' } : { kind: 'exited', exitCode };
}
