import {
  BullpenError, LIMIT_BOUNDS, messageOf, newId,
  type AttemptOutcome, type Clock, type ContainerDeath, type ContainerSnapshot, type ContainerState, type Logger,
} from '@bullpen/core';

import { AttemptEvents } from './attempt-events.ts';
import { AttemptWatch } from './attempt-watch.ts';
import { within } from './bounded-wait.ts';
import type { ContainerFactory, ContainerPlan, ContainerTask, RuntimeContainer } from './container.ts';
import { AttemptCalls } from './host/attempt-calls.ts';
import { NO_USAGE, failure } from './outcomes.ts';
import { PiscinaThread, deathOfThread, type RunTask, type Said } from './piscina-thread.ts';
import { parseReply } from './reply.ts';
import { UsageMeter } from './usage-meter.ts';
import { deathAfter, judge, type AttemptEnding } from './verdict.ts';

/**
 * The container of tier basic: one Piscina thread in the worker process, with limits on its heap, no environment, and
 * one organization for life. It isolates mistakes, not attackers: V8 answers one allocation far beyond the heap limit
 * (`new Array(1e8).fill()`, a string of hundreds of MB made flat) by aborting the process, and `terminate()` does not
 * end a native call. A thread that outlives its kill keeps its memory in the pool until it is gone.
 *
 * starting -> warm -> busy -> warm ... -> recycling -> dead, with the reason of death. Guarantees: an attempt ends in
 * one outcome, whatever the agent does, and every event said before is delivered first; after any fault, after
 * something left behind, and after `maxRuns` attempts the thread is ended; a thread that ends by itself is noticed.
 */

export interface ThreadContainerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Attempts after which a thread is replaced. */
  readonly maxRuns: number;
  /** From an interruption to the kill. Default 250. */
  readonly graceMs?: number;
  /** Between two readings of a running thread. Default 50. */
  readonly sampleMs?: number;
  /** Default 10,000. */
  readonly startTimeoutMs?: number;
}

/** How long an outcome waits for a killed thread: one inside a native call may outlive it by far. */
const KILL_WAIT_MS = 500;
/** How long the event loop of a thread may take to turn after a reply before the thread counts as stuck: generous, because
 * on a machine that is short of CPU every thread is slow, and new ones would be slower. */
const SETTLE_MS = 1000;
/** Bundles cannot be unloaded from a thread: one that has seen so many is replaced. */
const MAX_BUNDLES = 16;

/** A thread that has started, and what measures it. */
interface Engine {
  readonly thread: PiscinaThread;
  readonly meter: UsageMeter;
}

/** One attempt while it runs. */
interface Running {
  readonly no: number;
  readonly task: ContainerTask;
  readonly events: AttemptEvents;
  readonly watch: AttemptWatch;
  readonly calls: AttemptCalls;
  readonly beganMs: number;
}

/** Containers of tier basic. */
export function createThreadContainers(options: ThreadContainerOptions): ContainerFactory {
  return (plan) => {
    // With less heap than Node needs to start a thread, V8 aborts the whole process.
    if (plan.limitMb >= LIMIT_BOUNDS.memoryMb.min) return new ThreadContainer(plan, options);
    throw new BullpenError('LIMIT_EXCEEDED', `a container takes at least ${LIMIT_BOUNDS.memoryMb.min} MB`, { limitMb: plan.limitMb });
  };
}

class ThreadContainer implements RuntimeContainer {
  readonly id = newId('container');
  readonly tier = 'basic' as const;
  readonly orgId: string;
  readonly limitMb: number;
  readonly #options: Required<ThreadContainerOptions>;
  readonly #bornMs: number;
  readonly #warmBundles = new Set<string>();
  readonly #gone = Promise.withResolvers<void>();
  #settling = Promise.withResolvers<void>();
  #thread: PiscinaThread | null = null;
  #engine: Engine | null = null;
  #state: ContainerState = 'starting';
  #death: ContainerDeath | null = null;
  #runs = 0;
  #running: Running | null = null;

  constructor(plan: ContainerPlan, options: ThreadContainerOptions) {
    this.orgId = plan.orgId;
    this.limitMb = plan.limitMb;
    this.#options = { graceMs: 250, sampleMs: 50, startTimeoutMs: 10_000, ...options };
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

  hasWarm(sha256: string): boolean {
    return this.#warmBundles.has(sha256);
  }

  async start(): Promise<void> {
    try {
      this.#engine = await within(this.#boot(), this.#options.startTimeoutMs, 'the thread did not start in time');
      if (this.#death !== null) throw new Error('it was ended while it started');
      this.#state = 'warm';
    } catch (error) {
      void this.kill('crashed');
      throw new BullpenError('CONTAINER_CRASHED', `the container could not start: ${messageOf(error)}`, { containerId: this.id });
    }
  }

  async #boot(): Promise<Engine> {
    const thread = new PiscinaThread({
      limitMb: this.limitMb,
      onSaid: (said) => this.#hear(said),
      onFault: (error) => this.#note('container.fault', { error: messageOf(error) }),
    });
    this.#thread = thread;
    void thread.gone.then(() => this.#onThreadGone());
    await thread.opened();
    await this.#settling.promise;
    const meter = new UsageMeter({ thread: thread.worker, sampleMs: this.#options.sampleMs, limitMb: this.limitMb });
    await meter.readFinally(); // what starting cost is not charged to the first attempt
    return { thread, meter };
  }

  async settled(): Promise<boolean> {
    await this.#settling.promise;
    return this.#state === 'warm';
  }

  async execute(task: ContainerTask): Promise<AttemptOutcome> {
    const engine = this.#engine;
    if (this.#state !== 'warm' || engine === null) return failure('crashed', 'CONTAINER_CRASHED', `the container was ${this.#state}`, NO_USAGE);
    const running = this.#begin(task, engine);
    const ending = await this.#handOver(running, engine);
    const wallMs = this.#options.clock.monotonicMs() - running.beganMs;
    engine.meter.end();
    running.watch.close();
    running.calls.close();
    await this.#hearLastWords(ending, engine);
    running.events.finish(engine.thread.droppedEvents);
    const evidence = {
      cause: running.watch.cause,
      fault: running.events.fault,
      ending,
      usage: engine.meter.usage(wallMs),
      limitMb: this.limitMb,
      timeoutMs: task.attempt.timeoutMs,
    };
    this.#finish(running, deathAfter(evidence));
    return judge(evidence);
  }

  #begin(task: ContainerTask, { thread, meter }: Engine): Running {
    this.#state = 'busy';
    this.#runs += 1;
    this.#settling = Promise.withResolvers();
    const no = this.#runs;
    const watch = new AttemptWatch({
      timeoutMs: task.attempt.timeoutMs,
      limitMb: this.limitMb,
      graceMs: this.#options.graceMs,
      interrupt: task.interrupt,
      askToStop: (reason) => thread.say(`${no} ${reason}`),
    });
    task.host.onLimit((error) => watch.limit('failed', error.code, error.message));
    const calls = new AttemptCalls(task.host, (json) => thread.say(`answer ${no} ${json}`));
    this.#running = { no, task, events: new AttemptEvents(task.sink), watch, calls, beganMs: this.#options.clock.monotonicMs() };
    meter.begin((reading) => watch.memory(reading));
    return this.#running;
  }

  async #handOver(running: Running, { thread }: Engine): Promise<AttemptEnding> {
    try {
      return { kind: 'replied', reply: parseReply(await thread.run(this.#threadTask(running), running.watch.kill)) };
    } catch (error) {
      return { kind: 'died', how: deathOfThread(error) };
    }
  }

  #threadTask({ no, task: { attempt, bundleUrl, egressProxy } }: Running): RunTask {
    const { runId, orgId, agent, version, metadata } = attempt;
    return {
      kind: 'run',
      attemptNo: no,
      bundleUrl,
      inputJson: attempt.inputJson,
      deadline: this.#options.clock.nowMs() + attempt.timeoutMs,
      attempt: attempt.attempt,
      run: { id: runId, orgId, agent, version, metadata },
      ...(egressProxy === undefined ? {} : { egressProxy }),
    };
  }

  /** What was said before a reply lies in the port already; a killed thread may speak until it is gone. */
  async #hearLastWords(ending: AttemptEnding, { thread, meter }: Engine): Promise<void> {
    if (ending.kind === 'replied') await meter.readFinally();
    else await within(thread.gone, KILL_WAIT_MS, 'it is still there').catch(() => this.#note('container.outlives-kill', {}));
    thread.drain();
  }

  #finish(running: Running, death: ContainerDeath | null): void {
    this.#running = null;
    if (death === null) this.#warmBundles.add(running.task.attempt.sha256);
    const isWornOut = this.#runs >= this.#options.maxRuns || this.#warmBundles.size >= MAX_BUNDLES;
    const end = death ?? this.#death ?? (isWornOut ? 'recycled' : null);
    if (end !== null) {
      void this.kill(end);
      return;
    }
    this.#state = 'warm';
    // A thread whose event loop does not turn any more has something running that no reply will end.
    within(this.#settling.promise, SETTLE_MS, 'stuck').catch(() => {
      this.#note('container.stuck', {});
      void this.kill('crashed');
    });
  }

  #hear(said: Said): void {
    const running = this.#running;
    if (said.tag === 'late') this.#recycle('container.late-error', { error: said.rest });
    else if (said.tag === 'settled' && said.attemptNo === this.#runs) this.#onSettled(said.rest);
    else if (running?.no === said.attemptNo) this.#hearRunning(running, said);
  }

  #hearRunning({ task, events, watch, calls }: Running, said: Said): void {
    if (said.tag === 'started') task.sink.started();
    else if (said.tag === 'event') events.take(said.rest);
    else if (said.tag === 'call') calls.takeText(said.rest);
    else if (said.tag === 'fault') events.refuse(said.rest);
    if (events.fault !== null) watch.eventFault();
  }

  #onSettled(leftovers: string): void {
    if (leftovers !== '') this.#recycle('container.leftovers', { leftovers });
    this.#settling.resolve();
  }

  /** Ends the container now, or as soon as the attempt that runs is over. */
  #recycle(event: string, facts: object): void {
    this.#note(event, facts);
    if (this.#running === null && this.#state !== 'starting') void this.kill('recycled');
    else this.#death ??= 'recycled';
  }

  #note(event: string, facts: object): void {
    this.#options.log.debug({ containerId: this.id, orgId: this.orgId, ...facts }, event);
  }

  async kill(death: ContainerDeath): Promise<void> {
    this.#death ??= death;
    if (this.#state !== 'dead') this.#state = 'recycling';
    this.#settling.resolve();
    if (this.#thread === null || this.#thread.hasExited) this.#onThreadGone();
    else void this.#thread.terminate();
    await this.#gone.promise;
  }

  /** An attempt that runs when its thread goes names the reason first, and comes back here. */
  #onThreadGone(): void {
    if (this.#running !== null) return;
    this.#death ??= 'exited';
    this.#state = 'dead';
    this.#settling.resolve();
    this.#gone.resolve();
  }

  snapshot(): ContainerSnapshot {
    const reading = this.#engine?.meter.last;
    return {
      id: this.id,
      orgId: this.orgId,
      tier: this.tier,
      state: this.#state,
      death: this.#state === 'busy' ? null : this.#death,
      limitMb: this.limitMb,
      heapMb: reading?.heapMb ?? 0,
      externalMb: reading?.externalMb ?? 0,
      cpuMs: reading?.cpuMs ?? 0,
      runs: this.#runs,
      runId: this.#running?.task.attempt.runId ?? null,
      ageMs: this.#options.clock.monotonicMs() - this.#bornMs,
    };
  }
}
