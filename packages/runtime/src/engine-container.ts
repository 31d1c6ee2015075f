import {
  AttemptEvents, BullpenError, LIMIT_BOUNDS, LimitGuard, SIZE_CAPS, WARN_AT, messageOf, newId,
  type AttemptOutcome, type Clock, type ContainerDeath, type ContainerSnapshot, type ContainerState, type KillReceipt, type Logger, type Tier,
} from '@bullpen/core';

import { assessContainer } from './container-health.ts';
import { AttemptWatch } from './attempt-watch.ts';
import { BaselineWatch } from './baseline-watch.ts';
import { within } from './bounded-wait.ts';
import type { ContainerFactory, ContainerPlan, ContainerTask, RuntimeContainer } from './container.ts';
import { EngineLostError, type Engine, type EngineListener, type EngineTask, type Said } from './engine.ts';
import { EventLoopDelay } from './event-loop-delay.ts';
import { killReceipt } from './kill-receipt.ts';
import { AttemptCalls } from './host/attempt-calls.ts';
import type { MemoryRule } from './memory-rules.ts';
import { NO_USAGE, failure } from './outcomes.ts';
import { UsageMeter, type Reading } from './usage-meter.ts';
import { deathAfter, judge, type AttemptEnding } from './verdict.ts';

/**
 * The container of every tier: an engine, and what decides over it. What differs between the tiers is the engine, how
 * its memory is judged, and how many attempts it serves.
 *
 * starting -> warm -> busy -> warm ... -> recycling -> dead, with the reason of death. Guarantees: an attempt ends in
 * one outcome, whatever the agent does, decided from what is seen from outside before what the inside says, and every
 * event said before is delivered first; each limit is warned of once, when most of it is used; after any fault, after
 * something left behind, when its memory creeps, and after `maxRuns` attempts the engine is ended; one that ends by itself
 * is noticed. Where an attempt had to be killed, its outcome carries the receipt.
 */
export interface ContainerDriver {
  readonly tier: Tier;
  /** Makes an engine without starting it. */
  readonly engine: (plan: ContainerPlan, listener: EngineListener) => Engine;
  readonly memoryRule: MemoryRule;
  readonly clock: Clock;
  readonly log: Logger;
  /** Attempts after which a container is replaced. */
  readonly maxRuns: number;
  /** CPU time an attempt may take, as a multiple of its wall-clock limit. Default 2: two busy cores. */
  readonly cpuPerWall?: number;
  /** From an interruption to the kill. Default 250. */
  readonly graceMs?: number;
  /** Between two readings of a running container. Default 50. */
  readonly sampleMs?: number;
  /** The same while it uses no CPU. Default: `sampleMs`. */
  readonly maxSampleMs?: number;
  /** Default 10,000. */
  readonly startTimeoutMs?: number;
  /** How long an outcome waits for a killed engine to be gone: a thread inside a native call may outlive it by far. Default 500. */
  readonly killWaitMs?: number;
}

/** How long an event loop may take to turn after a reply before the container counts as stuck: generous, because on a
 * machine that is short of CPU every thread is slow, and new ones would be slower. */
const SETTLE_MS = 1000;
/** Bundles cannot be unloaded from a thread: one that has seen so many is replaced. */
const MAX_BUNDLES = 16;

/** Nothing runs in it, and nobody waits for its end. */
const UNHURRIED: readonly ContainerDeath[] = ['idle', 'evicted'];
/** Between two readings of a run that has nearly used up its CPU time. */
const LEAST_SAMPLE_MS = 2;

/** One attempt while it runs. */
interface Running {
  readonly no: number;
  readonly task: ContainerTask;
  readonly events: AttemptEvents;
  readonly watch: AttemptWatch;
  readonly guard: LimitGuard;
  /** Warns of the end of the time. */
  readonly lateTimer: NodeJS.Timeout;
  readonly calls: AttemptCalls;
  readonly beganMs: number;
  /** Wall clock. */
  readonly beganAtMs: number;
  hasStarted: boolean;
  /** By the last reading before a kill: one of a process that is being torn down says less. */
  heldMb: number;
}

/** Containers of one tier. Refuses a limit below the smallest: with less heap than Node needs to start, V8 aborts the process. */
export function createContainers(driver: ContainerDriver): ContainerFactory {
  return (plan) => {
    if (plan.limitMb >= LIMIT_BOUNDS.memoryMb.min) return new EngineContainer(plan, driver);
    throw new BullpenError('LIMIT_EXCEEDED', `a container takes at least ${LIMIT_BOUNDS.memoryMb.min} MB`, { limitMb: plan.limitMb });
  };
}

class EngineContainer implements RuntimeContainer {
  readonly id = newId('container');
  readonly tier: Tier;
  readonly orgId: string;
  readonly limitMb: number;
  readonly #plan: ContainerPlan;
  readonly #driver: Required<ContainerDriver>;
  readonly #meter: UsageMeter;
  readonly #baseline: BaselineWatch;
  readonly #loopDelay: EventLoopDelay;
  readonly #bornMs: number;
  readonly #warmBundles = new Set<string>();
  readonly #gone = Promise.withResolvers<void>();
  #settling = Promise.withResolvers<void>();
  #engine: Engine | null = null;
  #state: ContainerState = 'starting';
  #death: ContainerDeath | null = null;
  #runs = 0;
  #running: Running | null = null;
  #pings = 0;
  /** Wall clock. */
  #goneAtMs: number | null = null;

  constructor(plan: ContainerPlan, driver: ContainerDriver) {
    this.tier = driver.tier;
    this.orgId = plan.orgId;
    this.limitMb = plan.limitMb;
    this.#plan = plan;
    this.#driver = { graceMs: 250, sampleMs: 50, startTimeoutMs: 10_000, killWaitMs: 500, cpuPerWall: 2, maxSampleMs: driver.sampleMs ?? 50, ...driver };
    this.#bornMs = driver.clock.monotonicMs();
    this.#meter = new UsageMeter({ read: () => this.#read(), ...this.#driver, limitMb: plan.limitMb });
    this.#baseline = new BaselineWatch(plan.limitMb);
    this.#loopDelay = new EventLoopDelay({ nowMs: () => driver.clock.monotonicMs(), ping: () => void this.#engine?.tell(`ping ${this.#pings += 1}`) });
    this.#settling.resolve();
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
      await within(this.#boot(), this.#driver.startTimeoutMs, 'it did not start in time');
      // By itself, before anything of an attempt was in it: what it runs in was lost between its opening and here.
      if (this.#death === 'exited') throw new EngineLostError('what it runs in ended while it started');
      if (this.#death !== null) throw new Error('it was ended while it started');
      this.#state = 'warm';
    } catch (error) {
      void this.kill('crashed');
      throw new BullpenError('CONTAINER_CRASHED', `the container could not start: ${messageOf(error)}`, { containerId: this.id }, { cause: error });
    }
  }

  async #boot(): Promise<void> {
    const engine = this.#driver.engine(this.#plan, {
      onSaid: (said) => this.#hear(said),
      onStarted: (atMs) => this.#hearStarted(atMs),
      onViolation: (error) => this.#running?.watch.limit('crashed', 'CONTAINER_CRASHED', messageOf(error)),
      onFault: (error) => this.#note('container.fault', { error: messageOf(error) }),
    });
    this.#engine = engine;
    void engine.gone.then(() => {
      this.#goneAtMs = this.#driver.clock.nowMs();
      this.#onEngineGone();
    });
    await engine.open();
    await this.#meter.readFinally(); // what starting cost is not charged to the first attempt
  }

  async #read() {
    if (this.#engine === null) throw new Error('it has not started');
    return this.#engine.read();
  }

  async settled(): Promise<boolean> {
    await this.#settling.promise;
    return this.#state === 'warm';
  }

  async execute(task: ContainerTask): Promise<AttemptOutcome> {
    const engine = this.#engine;
    if (this.#state !== 'warm' || engine === null) return failure('crashed', 'CONTAINER_CRASHED', `the container was ${this.#state}`, NO_USAGE);
    const running = this.#begin(task, engine);
    const ending = await engine.run(this.#engineTask(running), running.watch.kill);
    const wallMs = this.#driver.clock.monotonicMs() - running.beganMs;
    await this.#hearLastWords(ending, engine);
    this.#meter.end();
    clearTimeout(running.lateTimer);
    running.watch.close();
    running.calls.close();
    running.events.finish(engine.droppedEvents);
    const evidence = {
      cause: running.watch.cause,
      fault: running.events.fault,
      ending,
      usage: this.#meter.usage(wallMs),
      limitMb: this.limitMb,
      timeoutMs: task.attempt.timeoutMs,
    };
    const outcome = withinResultLimit(judge(evidence), running.guard);
    const receipt = this.#receiptOf(running, engine);
    this.#finish(running, deathAfter(evidence));
    return receipt === null || outcome.kind === 'succeeded' ? outcome : { ...outcome, kill: receipt };
  }

  /** Null where the attempt ended by itself, be it because it was asked to. */
  #receiptOf({ watch, heldMb, task: { attempt } }: Running, engine: Engine): KillReceipt | null {
    if (!watch.kill.aborted || watch.cause === null) return null;
    return killReceipt({
      attempt: attempt.attempt,
      cause: watch.cause,
      requestedAtMs: watch.requestedAtMs,
      signal: engine.killSignal,
      deadAtMs: this.#goneAtMs,
      heldMb,
    });
  }

  #begin(task: ContainerTask, engine: Engine): Running {
    this.#state = 'busy';
    this.#runs += 1;
    this.#settling = Promise.withResolvers();
    const no = this.#runs;
    const { timeoutMs, limits } = task.attempt;
    const guard = new LimitGuard({
      limits: { resultBytes: SIZE_CAPS.resultBytes, ...limits, timeoutMs, memoryMb: this.limitMb },
      say: (event) => task.sink.event(event),
      onBreach: ({ state, code, message }) => watch.limit(state, code, message),
    });
    const watch = new AttemptWatch({
      timeoutMs,
      limitMb: this.limitMb,
      externalMb: limits.externalMb,
      memoryRule: this.#driver.memoryRule,
      cpuLimitMs: timeoutMs * this.#driver.cpuPerWall,
      graceMs: this.#driver.graceMs,
      interrupt: task.interrupt,
      askToStop: (reason) => void engine.tell(`${no} ${reason}`),
      nowMs: () => this.#driver.clock.nowMs(),
    });
    task.host.onLimit((error) => watch.limit('failed', error.code, error.message));
    const calls = new AttemptCalls(task.host, (json) => engine.tell(`answer ${no} ${json}`));
    const lateTimer = setTimeout(() => guard.warn('timeoutMs', timeoutMs * WARN_AT), timeoutMs * WARN_AT);
    const events = new AttemptEvents(task.sink, { guard, nowMs: () => this.#driver.clock.monotonicMs() });
    this.#running = { no, task, events, watch, guard, calls, lateTimer, beganMs: this.#driver.clock.monotonicMs(), beganAtMs: this.#driver.clock.nowMs(), hasStarted: false, heldMb: 0 };
    const running = this.#running;
    watch.kill.addEventListener('abort', () => { running.heldMb = this.#heldMb; });
    this.#meter.begin((reading, cpuMs) => this.#judge(reading, cpuMs, { guard, watch }));
    return this.#running;
  }

  /** Gives how soon to look again: near a limit, sooner. */
  #judge(reading: Reading, cpuMs: number, { guard, watch }: Pick<Running, 'guard' | 'watch'>): number | undefined {
    if (this.#engine?.answersPings === true && this.#hasRunFor(this.#driver.sampleMs)) this.#loopDelay.measure();
    guard.near('memoryMb', reading.heapMb);
    guard.near('externalMb', reading.externalMb);
    guard.used('cpuMs', cpuMs);
    const cpuLeftMs = (guard.allowed('cpuMs') ?? Infinity) - cpuMs;
    const soon = watch.reading(reading, cpuMs);
    return soon ?? (cpuLeftMs < this.#driver.sampleMs ? Math.max(LEAST_SAMPLE_MS, cpuLeftMs) : undefined);
  }

  /** The one reading of a short attempt is its last: a ping after that would wake a container for nobody. */
  #hasRunFor(ms: number): boolean {
    return this.#running !== null && this.#driver.clock.monotonicMs() - this.#running.beganMs >= ms;
  }

  #engineTask({ no, beganAtMs, task: { attempt, bundleUrl, egressProxy } }: Running): EngineTask {
    const { runId, orgId, agent, version, metadata, traceparent } = attempt;
    return {
      attemptNo: no,
      bundleUrl,
      inputJson: attempt.inputJson,
      deadline: beganAtMs + attempt.timeoutMs,
      attempt: attempt.attempt,
      run: { id: runId, orgId, agent, version, metadata, ...(traceparent == null ? {} : { traceparent }) },
      ...(egressProxy === undefined ? {} : { egressProxy }),
    };
  }

  /** What was said before a reply lies here already; a killed engine may speak until it is gone. */
  async #hearLastWords(ending: AttemptEnding, engine: Engine): Promise<void> {
    if (ending.kind === 'replied' && !this.#isKilled) await this.#meter.readFinally();
    else await within(engine.gone, this.#driver.killWaitMs, 'it is still there').catch(() => this.#note('container.outlives-kill', {}));
    engine.drain();
  }

  get #isKilled(): boolean {
    return this.#running?.watch.kill.aborted === true;
  }

  get #heldMb(): number {
    const { heapMb, externalMb } = this.#meter.last;
    return heapMb + externalMb;
  }

  /** Why it is not used again although nothing went wrong. */
  #wear(): ContainerDeath | null {
    if (this.#baseline.afterRun(this.#heldMb)) {
      this.#note('container.creeps', { baselineMb: this.#baseline.baselineMb });
      return 'leaking';
    }
    return this.#plan.isAlone || this.#runs >= this.#driver.maxRuns || this.#warmBundles.size >= MAX_BUNDLES ? 'recycled' : null;
  }

  #finish(running: Running, death: ContainerDeath | null): void {
    this.#running = null;
    if (death === null) this.#warmBundles.add(running.task.attempt.sha256);
    const end = death ?? this.#death ?? this.#wear();
    if (end !== null) return this.#endAfter(end);
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
    else if (said.tag === 'pong' && said.attemptNo === this.#pings) this.#loopDelay.answered();
    else if (running?.no === said.attemptNo) this.#hearRunning(running, said);
  }

  #hearRunning(running: Running, said: Said): void {
    const { events, watch, calls } = running;
    if (said.tag === 'event') events.take(said.rest);
    else if (said.tag === 'call') calls.takeText(said.rest);
    else if (said.tag === 'fault') events.refuse(said.rest);
    if (events.fault !== null) watch.eventFault();
  }

  /** What runs inside may say any time: it is held to what can be. */
  #hearStarted(atMs?: number): void {
    const running = this.#running;
    if (running === null || running.hasStarted) return;
    running.hasStarted = true;
    const nowMs = this.#driver.clock.nowMs();
    running.task.sink.started(Math.min(nowMs, Math.max(running.beganAtMs, atMs ?? nowMs)));
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
    this.#driver.log.debug({ containerId: this.id, orgId: this.orgId, ...facts }, event);
  }

  /** What is only worn out may take its time. */
  #endAfter(death: ContainerDeath): void {
    const engine = this.#engine;
    if (death !== 'recycled' || engine === null || engine.hasEnded || engine.retire === undefined) return void this.kill(death);
    this.#beginEnd(death);
    engine.retire();
  }

  #beginEnd(death: ContainerDeath): void {
    this.#death ??= death;
    if (this.#state !== 'dead') this.#state = 'recycling';
    this.#settling.resolve();
  }

  async kill(death: ContainerDeath): Promise<void> {
    const isAtRest = this.#state === 'warm';
    this.#beginEnd(death);
    if (this.#engine === null || this.#engine.hasEnded) this.#onEngineGone();
    else if (isAtRest && UNHURRIED.includes(death) && this.#engine.retire !== undefined) this.#engine.retire();
    else this.#engine.kill();
    await this.#gone.promise;
  }

  /** An attempt that runs when its engine goes names the reason first, and comes back here. */
  #onEngineGone(): void {
    if (this.#running !== null) return;
    this.#death ??= 'exited';
    this.#state = 'dead';
    this.#settling.resolve();
    this.#gone.resolve();
  }

  snapshot(): Omit<ContainerSnapshot, 'reserveMb'> {
    const { heapMb, externalMb, cpuMs } = this.#meter.last;
    const { baselineMb } = this.#baseline;
    const eventLoopDelayMs = this.#loopDelay.delayMs;
    return {
      id: this.id,
      orgId: this.orgId,
      tier: this.tier,
      state: this.#state,
      death: this.#state === 'busy' ? null : this.#death,
      limitMb: this.limitMb,
      heapMb,
      externalMb,
      cpuMs,
      runs: this.#runs,
      runId: this.#running?.task.attempt.runId ?? null,
      baselineMb,
      eventLoopDelayMs,
      health: assessContainer({ heldMb: heapMb + externalMb, baselineMb, limitMb: this.limitMb, eventLoopDelayMs }),
      ageMs: this.#driver.clock.monotonicMs() - this.#bornMs,
    };
  }
}

/** A result that the platform takes may still be larger than what its run may return. */
function withinResultLimit(outcome: AttemptOutcome, guard: LimitGuard): AttemptOutcome {
  if (outcome.kind !== 'succeeded' || guard.used('resultBytes', Buffer.byteLength(outcome.resultJson)) || guard.breach === null) return outcome;
  const { state, code, message } = guard.breach;
  return failure(state, code, message, outcome.usage);
}
