import {
  AVAILABLE_TIERS, BullpenError, ERROR_REGISTRY, defined, errorCodeOf, messageOf, systemClock,
  type AttemptOutcome, type Clock, type Deadline, type InterruptReason, type IsolationReport, type Logger,
  type OrganizationRuntimeSnapshot, type Service, type Tier,
} from '@bullpen/core';

import { Ticket, type Admission, type AdmittedAgent } from './admission.ts';
import { within } from './bounded-wait.ts';
import { BundleCache, type BundleSource } from './bundle-cache.ts';
import { CellTiers } from './cell/cell-tiers.ts';
import { ThreadCode } from './container-code.ts';
import type { AttemptRequest, AttemptSink, ContainerFactory, ContainerTask, RuntimeContainer, TierDrivers } from './container.ts';
import type { EgressOptions } from './egress/egress-gateway.ts';
import { AttemptDesk } from './host/attempt-desk.ts';
import type { HostServices } from './host/host-services.ts';
import { IdleContainers } from './idle-containers.ts';
import { OrganizationRuntime } from './organization-runtime.ts';
import { NO_USAGE, failure, interruptReasonOf } from './outcomes.ts';
import { ReserveLearner } from './reserve-learner.ts';
import { SlotGate } from './slot-gate.ts';
import { createThreadContainers } from './thread-container.ts';

/**
 * All containers of one worker. Guarantees: at most `slots` attempts execute at once, and at most three times as many are admitted (slot-gate.ts), each
 * with its memory reserved in the pool of its organization; `execute` never rejects, releases its admission, and delivers every event before it
 * resolves; `stop` interrupts what still runs and returns when no thread is left, or throws naming those that are.
 */

export interface AgentRuntimeManagerOptions {
  readonly bundles: BundleSource;
  /** Owned by this process. */
  readonly bundleCacheDir: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Attempts that execute at once. */
  readonly slots: number;
  /** A container that nobody used for so long is ended. Default 60,000. */
  readonly idleMs?: number;
  /** Then it is replaced, which costs whoever comes next some 40 ms. Default 10,000: what leaks is found by its baseline long before. */
  readonly maxRunsPerContainer?: number;
  readonly poolMbOf: (orgId: string) => number;
  /** An organization's share of the cores relative to others', where the machine can hold it to one. Default: 1 for all. */
  readonly cpuWeightOf?: (orgId: string) => number;
  /** Idle containers of all organizations together. Default: twice the slots. */
  readonly maxIdleContainers?: number;
  /** Bundles on disk. Default 512 MiB. */
  readonly bundleCacheBytes?: number;
  /** From an interruption to the kill. Default 250. */
  readonly graceMs?: number;
  /** Tiers to build, where the machine can. Default: all that this version has. */
  readonly tiers?: readonly Tier[];
  /** False: walls are built as on a machine without namespaces: enhanced is a plain process, strict is refused. Default true. */
  readonly namespaces?: boolean;
  /** Factories that stand in for those of their tiers. */
  readonly drivers?: TierDrivers;
  /** CPU time an attempt may take, as a multiple of its wall-clock limit. Default 2. */
  readonly cpuPerWall?: number;
  /** What `ctx.secrets` and `ctx.kv` stand on; without it they are refused. */
  readonly services?: HostServices;
  readonly egress?: EgressOptions;
}

/** What a kill was asked for: a container, whatever it does, or the run that a container executes. */
export type KillTarget = { readonly containerId: string } | { readonly orgId: string; readonly runId: string };

export interface Killed {
  readonly orgId: string;
  readonly containerId: string;
  /** The run that it executed. */
  readonly runId: string | null;
}

export interface AgentRuntimeManager extends Service {
  /** How many runs to take now: as many would be admitted. Ahead of their slots none, or several. */
  freeSlots(): number;
  /** Organizations whose last run was refused, and would be now: known for a while, then it is tried again. */
  fullOrganizations(): string[];
  /** Reserves a slot and memory; null where the organization's pool or the slots have no room, or nothing new is taken. */
  admit(orgId: string, memoryMb: number, of?: AdmittedAgent): Admission | null;
  /**
   * Runs one attempt in a container of its organization and tier. Never rejects.
   * @param signal - aborted with an `InterruptReason`
   */
  execute(admission: Admission, attempt: AttemptRequest, sink: AttemptSink, signal: AbortSignal): Promise<AttemptOutcome>;
  /** Ends a container at once, for an operator: a run in it ends as killed, others of its process go back to the queue. */
  kill(target: KillTarget): Killed | null;
  /** Organizations that hold something, or did within the last minute. */
  snapshot(): OrganizationRuntimeSnapshot[];
  /** What this machine can enforce, found out when it started; null before it, and where only basic is asked for. */
  isolation(): IsolationReport | null;
}

const MIB = 1024 * 1024;
/** How long an organization is shown after it held something. */
const SHOWN_MS = 60_000;
/** Between two looks at what organizations really hold; how long a pool may be passed. */
const PRESSURE_MS = 100;
const STARTS_PER_LOOK = 2;
/** How long a refusal says something about the next run. */
const REFUSED_MS = 1000;
/** After the deadline of a stop: what it takes to terminate threads. */
const LAST_KILL_MS = 2000;

export function createAgentRuntimeManager(options: AgentRuntimeManagerOptions): AgentRuntimeManager {
  return new Manager(options);
}

/** One attempt between `execute` and its outcome. */
interface Execution {
  readonly attempt: AttemptRequest;
  readonly sink: AttemptSink;
  readonly interrupt: AbortController;
  done: Promise<unknown>;
  container: RuntimeContainer | null;
}

class Manager implements AgentRuntimeManager {
  readonly #options: AgentRuntimeManagerOptions;
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #idle: IdleContainers;
  readonly #basic: ContainerFactory | undefined;
  readonly #threadCode = new ThreadCode();
  readonly #cells: CellTiers;
  readonly #bundles: BundleCache;
  readonly #desk: AttemptDesk;
  readonly #organizations = new Map<string, OrganizationRuntime>();
  readonly #executions = new Set<Execution>();
  readonly #learner = new ReserveLearner();
  readonly #gate: SlotGate;
  readonly #refused = new Map<string, { memoryMb: number; reserveMb: number; atMs: number }>();
  #state: 'stopped' | 'running' | 'quiescing' = 'stopped';
  #admitted = 0;
  #timers: NodeJS.Timeout[] = [];
  /** Starts and stops run one after the other, in the order of their calls. */
  #lifecycle: Promise<void> = Promise.resolve();

  constructor(options: AgentRuntimeManagerOptions) {
    const { log, bundles, bundleCacheDir } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#gate = new SlotGate(options.slots, () => this.#clock.monotonicMs());
    this.#idleMs = options.idleMs ?? 60_000;
    this.#idle = new IdleContainers(options.maxIdleContainers ?? 2 * options.slots);
    this.#bundles = new BundleCache({ source: bundles, dir: bundleCacheDir, maxBytes: options.bundleCacheBytes ?? 512 * MIB, log });
    this.#desk = new AttemptDesk(options);
    const wanted = options.tiers ?? AVAILABLE_TIERS;
    const { graceMs, cpuPerWall, maxRunsPerContainer: maxRuns = 10_000 } = options;
    const bounds = { clock: this.#clock, log, maxRuns, ...defined({ graceMs, cpuPerWall }) };
    this.#basic = wanted.includes('basic') ? createThreadContainers({ ...bounds, code: this.#threadCode }) : undefined;
    this.#cells = new CellTiers({ ...bounds, wanted, cpuWeightOf: options.cpuWeightOf ?? (() => 1), namespaces: options.namespaces ?? true });
  }

  start(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === 'running') return;
      await this.#bundles.open();
      if (this.#basic !== undefined) this.#threadCode.open();
      await this.#desk.egress.open();
      await this.#cells.open(this.#desk.egress.socketDir);
      this.#state = 'running';
      if (this.#timers.length > 0) return;
      this.#timers = [
        setInterval(() => this.#idle.sweep(this.#clock.monotonicMs(), this.#idleMs), Math.max(50, this.#idleMs / 4)).unref(),
        setInterval(() => this.#tend(), PRESSURE_MS).unref(),
      ];
    });
  }

  async quiesce(): Promise<void> {
    if (this.#state === 'running') this.#state = 'quiescing';
  }

  stop(by: Deadline): Promise<void> {
    return this.#inTurn(async () => {
      this.#state = 'stopped';
      for (const timer of this.#timers.splice(0)) clearInterval(timer);
      for (const { interrupt } of this.#executions) interrupt.abort('shutdown' satisfies InterruptReason);
      this.#gate.clear();
      const finished = Promise.all([...this.#executions].map(({ done }) => done));
      await within(finished, by.remainingMs, 'attempts outlive the deadline').catch(() => undefined);
      await this.#endAll(by);
      await this.#cells.close();
      this.#threadCode.close();
      await this.#desk.egress.close();
    });
  }

  freeSlots(): number {
    return this.#state === 'running' ? this.#gate.worthTaking(this.#admitted) : 0;
  }

  fullOrganizations(): string[] {
    const sinceMs = this.#clock.monotonicMs() - REFUSED_MS;
    for (const [orgId, { memoryMb, reserveMb, atMs }] of this.#refused) {
      // The run that was refused may be gone by now, and a smaller one wait in its place.
      if (atMs < sinceMs || this.#organization(orgId).fits(memoryMb, reserveMb)) this.#refused.delete(orgId);
    }
    return [...this.#refused.keys()];
  }

  admit(orgId: string, memoryMb: number, of?: AdmittedAgent): Admission | null {
    const reserveMb = of === undefined ? memoryMb : this.#learner.reserveMb({ orgId, ...of, limitMb: memoryMb });
    if (this.#state !== 'running' || this.#admitted >= this.#gate.mayAdmit) return null;
    if (!this.#organization(orgId).admit(memoryMb, reserveMb)) {
      this.#refused.set(orgId, { memoryMb, reserveMb, atMs: this.#clock.monotonicMs() });
      return null;
    }
    this.#admitted += 1;
    return new Ticket({ orgId, memoryMb, reserveMb }, (ticket) => {
      this.#organization(orgId).withdraw(memoryMb, reserveMb);
      this.#giveSlotBack(ticket);
    });
  }

  kill(target: KillTarget): Killed | null {
    for (const organization of this.#organizations.values()) {
      const container = organization.find((one) => isTarget(one, target));
      if (container === undefined) continue;
      const execution = [...this.#executions].find((one) => one.container === container);
      if (execution === undefined) void container.kill('killed');
      else execution.interrupt.abort('killed' satisfies InterruptReason);
      return { orgId: container.orgId, containerId: container.id, runId: execution?.attempt.runId ?? null };
    }
    return null;
  }

  async execute(admission: Admission, attempt: AttemptRequest, sink: AttemptSink, signal: AbortSignal): Promise<AttemptOutcome> {
    const ticket = admission as Ticket;
    if (ticket.state !== 'waiting' || ticket.orgId !== attempt.orgId || ticket.memoryMb !== attempt.memoryMb) {
      admission.release();
      return failure('crashed', 'INTERNAL', 'the admission is used up, or is not for this attempt', NO_USAGE);
    }
    const execution: Execution = { attempt, sink: guarded(sink, this.#options.log), interrupt: new AbortController(), done: Promise.resolve(), container: null };
    const relay = () => execution.interrupt.abort(interruptReasonOf(signal));
    signal.addEventListener('abort', relay);
    if (signal.aborted) relay();
    this.#executions.add(execution);
    try {
      const attempted = this.#attempt(execution, ticket);
      execution.done = attempted;
      const outcome = await attempted;
      this.#learn(attempt, outcome);
      return outcome;
    } finally {
      signal.removeEventListener('abort', relay);
      this.#executions.delete(execution);
    }
  }

  snapshot(): OrganizationRuntimeSnapshot[] {
    const shownSinceMs = this.#clock.monotonicMs() - SHOWN_MS;
    const shown = [...this.#organizations.values()].filter(({ holdsNothing, lastUsedMs }) => !holdsNothing || lastUsedMs >= shownSinceMs);
    return shown.map((organization) => organization.snapshot());
  }

  isolation(): IsolationReport | null {
    return this.#cells.report;
  }

  /** A tier that is missing here is refused, never weakened. */
  get #tiers(): TierDrivers {
    return { ...(this.#basic && { basic: this.#basic }), ...this.#cells.drivers, ...this.#options.drivers };
  }

  async #attempt(execution: Execution, ticket: Ticket): Promise<AttemptOutcome> {
    try {
      if (this.#state === 'stopped') execution.interrupt.abort('shutdown');
      const factory = this.#tiers[execution.attempt.tier];
      if (factory !== undefined) return await this.#inSlot(execution, () => this.#withBundle(execution, ticket, factory));
      return failure('failed', 'TIER_UNAVAILABLE', `tier ${execution.attempt.tier} cannot be built here`, NO_USAGE);
    } catch (error) {
      return this.#outcomeOfTrouble(execution, error);
    } finally {
      ticket.release();
      if (ticket.state === 'executing') this.#giveSlotBack(ticket);
    }
  }

  async #inSlot(execution: Execution, act: () => Promise<AttemptOutcome>): Promise<AttemptOutcome> {
    const entering = this.#gate.enter(execution.interrupt.signal);
    if (entering !== true && !(await entering)) {
      execution.interrupt.abort('no_slot' satisfies InterruptReason); // the first reason stays
      return interrupted(execution.interrupt.signal);
    }
    const sinceMs = this.#clock.monotonicMs();
    try {
      return await act();
    } finally {
      this.#gate.leave(execution.interrupt.signal.aborted ? null : this.#clock.monotonicMs() - sinceMs);
    }
  }

  async #withBundle(execution: Execution, ticket: Ticket, factory: ContainerFactory): Promise<AttemptOutcome> {
    const { attempt, interrupt: { signal } } = execution;
    const holding = this.#bundles.hold(attempt.orgId, attempt.sha256);
    const bundle = await orAborted(holding, signal);
    if (bundle === null) {
      holding.then(({ release }) => release(), () => undefined);
      return interrupted(signal);
    }
    try {
      return await this.#inContainer(execution, ticket, { factory, bundleUrl: bundle.url });
    } finally {
      bundle.release();
    }
  }

  async #inContainer(execution: Execution, ticket: Ticket, how: { factory: ContainerFactory; bundleUrl: string }): Promise<AttemptOutcome> {
    const { attempt, interrupt: { signal } } = execution;
    const organization = this.#organization(attempt.orgId);
    if (signal.aborted) return interrupted(signal);
    ticket.state = 'executing';
    const { memoryMb, tier, sha256 } = attempt;
    const claim = { memoryMb, reserveMb: ticket.reserveMb, tier, sha256, factory: how.factory, isAlone: how.factory.mustRunAlone?.(attempt) ?? false, interrupt: signal };
    const claiming = organization.claim(claim);
    const container = await orAborted(claiming, signal);
    if (container === null) {
      claiming.then((late) => organization.unclaimUnused(late), () => undefined); // on its way already: for the next one
      return interrupted(signal);
    }
    execution.container = container;
    try {
      assertOwner(container, attempt);
      if (signal.aborted) return interrupted(signal);
      return await this.#withServices(execution, (task) => container.execute({ ...task, bundleUrl: how.bundleUrl }));
    } finally {
      execution.container = null;
      organization.unclaim(container);
    }
  }

  /** What it held at most, for the reserve of the runs after it. */
  #learn({ orgId, agent, version, memoryMb }: AttemptRequest, outcome: AttemptOutcome): void {
    const of = { orgId, agent, version, limitMb: memoryMb };
    if (outcome.kind === 'interrupted') {
      if (outcome.reason === 'pool_pressure') this.#learner.forget(of);
    } else if (outcome.usage.wallMs > 0) {
      const { peakHeapMb, peakExternalMb } = outcome.usage;
      this.#learner.observe(of, outcome.kind === 'failed' && outcome.state === 'out_of_memory' ? memoryMb : peakHeapMb + peakExternalMb);
    }
  }

  /** Keeps the pools' rule, and containers ready for what was in demand lately. */
  #tend(): void {
    for (const organization of this.#organizations.values()) {
      const container = organization.relieve();
      const execution = container === null ? undefined : [...this.#executions].find((one) => one.container === container);
      if (execution !== undefined) {
        const { orgId, runId } = execution.attempt;
        this.#options.log.warn({ orgId, runId, usedMb: organization.usedMb }, 'pool.run-handed-back');
        execution.interrupt.abort('pool_pressure' satisfies InterruptReason);
      }
    }
    if (this.#state === 'running') this.#warmUp();
  }

  /** Few at a look: starting a thread takes CPU time from those that run. */
  #warmUp(): void {
    const usedSinceMs = this.#clock.monotonicMs() - this.#idleMs;
    let starts = 0;
    let all = 0;
    for (const { containerCount } of this.#organizations.values()) all += containerCount;
    // Those in use come back: what is started in their place would push out others then, which would be started anew.
    const mayStart = () => all + starts < this.#idle.max && (starts += 1) <= STARTS_PER_LOOK;
    for (const organization of this.#organizations.values()) if (organization.lastUsedMs > usedSinceMs) organization.warmUp(mayStart);
  }

  /** Nothing that the attempt opened at its supervisor outlives it. */
  async #withServices({ attempt, sink, interrupt }: Execution, run: (task: Omit<ContainerTask, 'bundleUrl'>) => Promise<AttemptOutcome>): Promise<AttemptOutcome> {
    const desk = this.#desk.open(attempt, sink);
    const { access } = desk.services;
    try {
      const task = { attempt, sink: desk.sink, host: desk.services, interrupt: interrupt.signal, ...(access === null ? {} : { egressProxy: access }) };
      return desk.services.conclude(await run(task));
    } finally {
      desk.services.close();
    }
  }

  /** Nothing of the agent ran: the bundle or a container could not be had, or we have a fault. */
  #outcomeOfTrouble({ attempt, interrupt: { signal } }: Execution, error: unknown): AttemptOutcome {
    if (signal.aborted) return interrupted(signal);
    const code = errorCodeOf(error) ?? 'INTERNAL';
    this.#options.log.warn({ orgId: attempt.orgId, runId: attempt.runId, code, error: messageOf(error) }, 'attempt.not-begun');
    // What no other attempt will change is the run's own failure; the rest is ours.
    return failure(ERROR_REGISTRY[code].retryable ? 'crashed' : 'failed', code, messageOf(error), NO_USAGE);
  }

  async #endAll(by: Deadline): Promise<void> {
    const ended = Promise.all([...this.#organizations.values()].map((organization) => organization.endAll('shutdown')));
    await within(ended, by.remainingMs + LAST_KILL_MS, 'still there').catch(() => {
      const containers = this.snapshot().flatMap((organization) => organization.containers.map(({ id }) => id));
      throw new BullpenError('INTERNAL', `${containers.length} containers did not end`, { containers });
    });
  }

  #organization(orgId: string): OrganizationRuntime {
    const known = this.#organizations.get(orgId);
    if (known !== undefined) return known;
    const poolMb = () => this.#options.poolMbOf(orgId);
    const organization = new OrganizationRuntime({ orgId, poolMb, idle: this.#idle, clock: this.#clock, log: this.#options.log });
    this.#organizations.set(orgId, organization);
    return organization;
  }

  #giveSlotBack(ticket: Ticket): void {
    ticket.state = 'released';
    this.#admitted -= 1;
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#lifecycle.then(act);
    this.#lifecycle = turn.catch(() => undefined);
    return turn;
  }
}

/** The last line of tenancy: what should be impossible is refused. */
function assertOwner(container: RuntimeContainer, attempt: AttemptRequest): void {
  if (container.orgId === attempt.orgId) return;
  throw new BullpenError('INTERNAL', 'a container was offered to another organization', { containerId: container.id, runId: attempt.runId });
}

function isTarget(container: RuntimeContainer, target: KillTarget): boolean {
  if ('containerId' in target) return container.id === target.containerId;
  return container.orgId === target.orgId && container.snapshot().runId === target.runId;
}

function interrupted(signal: AbortSignal): AttemptOutcome {
  return { kind: 'interrupted', reason: interruptReasonOf(signal), usage: NO_USAGE };
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const aborted = Promise.withResolvers<null>();
  const onAbort = () => aborted.resolve(null);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A sink that throws must not take the worker with it: it is called from the port's own event. */
function guarded(sink: AttemptSink, log: Logger): AttemptSink {
  const safely = (act: () => void) => {
    try {
      act();
    } catch (error) {
      log.error({ error: messageOf(error) }, 'attempt-sink.threw');
    }
  };
  return { started: (atMs) => safely(() => sink.started(atMs)), event: (event) => safely(() => sink.event(event)) };
}
