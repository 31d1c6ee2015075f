import {
  AVAILABLE_TIERS, BullpenError, ERROR_REGISTRY, defined, errorCodeOf, messageOf, systemClock,
  type AttemptOutcome, type Clock, type Deadline, type InterruptReason, type IsolationReport, type Logger,
  type OrganizationRuntimeSnapshot, type Service, type Tier,
} from '@bullpen/core';

import { within } from './bounded-wait.ts';
import { BundleCache, type BundleSource } from './bundle-cache.ts';
import { CellTiers } from './cell/cell-tiers.ts';
import type { AttemptRequest, AttemptSink, ContainerFactory, ContainerTask, RuntimeContainer, TierDrivers } from './container.ts';
import type { EgressOptions } from './egress/egress-gateway.ts';
import { AttemptDesk } from './host/attempt-desk.ts';
import type { HostServices } from './host/host-services.ts';
import { IdleContainers } from './idle-containers.ts';
import { OrganizationRuntime } from './organization-runtime.ts';
import { NO_USAGE, failure, interruptReasonOf } from './outcomes.ts';
import { createThreadContainers } from './thread-container.ts';

/**
 * All containers of one worker. Guarantees: at most `slots` admissions at once, each with its memory reserved in the
 * pool of its organization; `execute` never rejects, releases its admission, and delivers every event before it
 * resolves; `stop` interrupts what still runs and returns when no thread is left, or throws naming those that are.
 */

export interface AgentRuntimeManagerOptions {
  readonly bundles: BundleSource;
  /** Owned by this process. */
  readonly bundleCacheDir: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Attempts at once. */
  readonly slots: number;
  /** A container that nobody used for so long is ended. Default 60,000. */
  readonly idleMs?: number;
  /** Default 1000. */
  readonly maxRunsPerContainer?: number;
  readonly poolMbOf: (orgId: string) => number;
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

/** Memory and a slot, held for one attempt. */
export interface Admission {
  readonly orgId: string;
  readonly memoryMb: number;
  /** Gives both back, once; `execute` does it by itself. */
  release(): void;
}

export interface AgentRuntimeManager extends Service {
  freeSlots(): number;
  /** Reserves a slot and memory; null where the organization's pool or the slots have no room, or nothing new is taken. */
  admit(orgId: string, memoryMb: number): Admission | null;
  /**
   * Runs one attempt in a container of its organization and tier. Never rejects.
   * @param signal - aborted with an `InterruptReason`
   */
  execute(admission: Admission, attempt: AttemptRequest, sink: AttemptSink, signal: AbortSignal): Promise<AttemptOutcome>;
  /** Organizations that hold something, or did within the last minute. */
  snapshot(): OrganizationRuntimeSnapshot[];
  /** What this machine can enforce, found out when it started; null before it, and where only basic is asked for. */
  isolation(): IsolationReport | null;
}

const MIB = 1024 * 1024;
/** How long an organization is shown after it held something. */
const SHOWN_MS = 60_000;
/** After the deadline of a stop: what it takes to terminate threads. */
const LAST_KILL_MS = 2000;

export function createAgentRuntimeManager(options: AgentRuntimeManagerOptions): AgentRuntimeManager {
  return new Manager(options);
}

/** `waiting` until it is executed or released. */
class Ticket implements Admission {
  readonly orgId: string;
  readonly memoryMb: number;
  state: 'waiting' | 'executing' | 'released' = 'waiting';
  readonly #onRelease: (ticket: Ticket) => void;

  constructor(orgId: string, memoryMb: number, onRelease: (ticket: Ticket) => void) {
    this.orgId = orgId;
    this.memoryMb = memoryMb;
    this.#onRelease = onRelease;
  }

  release(): void {
    if (this.state === 'waiting') this.#onRelease(this);
  }
}

/** One attempt between `execute` and its outcome. */
interface Execution {
  readonly attempt: AttemptRequest;
  readonly sink: AttemptSink;
  readonly interrupt: AbortController;
  done: Promise<unknown>;
}

class Manager implements AgentRuntimeManager {
  readonly #options: AgentRuntimeManagerOptions;
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #idle: IdleContainers;
  readonly #basic: ContainerFactory | undefined;
  readonly #cells: CellTiers;
  readonly #bundles: BundleCache;
  readonly #desk: AttemptDesk;
  readonly #organizations = new Map<string, OrganizationRuntime>();
  readonly #executions = new Set<Execution>();
  #state: 'stopped' | 'running' | 'quiescing' = 'stopped';
  #usedSlots = 0;
  #sweep: NodeJS.Timeout | undefined;
  /** Starts and stops run one after the other, in the order of their calls. */
  #lifecycle: Promise<void> = Promise.resolve();

  constructor(options: AgentRuntimeManagerOptions) {
    const { log, bundles, bundleCacheDir } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#idleMs = options.idleMs ?? 60_000;
    this.#idle = new IdleContainers(options.maxIdleContainers ?? 2 * options.slots);
    this.#bundles = new BundleCache({ source: bundles, dir: bundleCacheDir, maxBytes: options.bundleCacheBytes ?? 512 * MIB, log });
    this.#desk = new AttemptDesk(options);
    const wanted = options.tiers ?? AVAILABLE_TIERS;
    const { graceMs, cpuPerWall, maxRunsPerContainer: maxRuns = 1000 } = options;
    const bounds = { clock: this.#clock, log, maxRuns, ...defined({ graceMs, cpuPerWall }) };
    this.#basic = wanted.includes('basic') ? createThreadContainers(bounds) : undefined;
    this.#cells = new CellTiers({ ...bounds, wanted, namespaces: options.namespaces ?? true });
  }

  start(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === 'running') return;
      await this.#bundles.open();
      await this.#desk.egress.open();
      await this.#cells.open(this.#desk.egress.socketDir);
      this.#sweep ??= setInterval(() => this.#idle.sweep(this.#clock.monotonicMs(), this.#idleMs), Math.max(50, this.#idleMs / 4)).unref();
      this.#state = 'running';
    });
  }

  async quiesce(): Promise<void> {
    if (this.#state === 'running') this.#state = 'quiescing';
  }

  stop(by: Deadline): Promise<void> {
    return this.#inTurn(async () => {
      this.#state = 'stopped';
      clearInterval(this.#sweep);
      this.#sweep = undefined;
      for (const { interrupt } of this.#executions) interrupt.abort('shutdown' satisfies InterruptReason);
      const finished = Promise.all([...this.#executions].map(({ done }) => done));
      await within(finished, by.remainingMs, 'attempts outlive the deadline').catch(() => undefined);
      await this.#endAll(by);
      await this.#cells.close();
      await this.#desk.egress.close();
    });
  }

  freeSlots(): number {
    return this.#state === 'running' ? Math.max(0, this.#options.slots - this.#usedSlots) : 0;
  }

  admit(orgId: string, memoryMb: number): Admission | null {
    if (this.freeSlots() === 0 || !this.#organization(orgId).admit(memoryMb)) return null;
    this.#usedSlots += 1;
    return new Ticket(orgId, memoryMb, (ticket) => {
      this.#organization(orgId).withdraw(memoryMb);
      this.#giveSlotBack(ticket);
    });
  }

  async execute(admission: Admission, attempt: AttemptRequest, sink: AttemptSink, signal: AbortSignal): Promise<AttemptOutcome> {
    const ticket = admission as Ticket;
    if (ticket.state !== 'waiting' || ticket.orgId !== attempt.orgId || ticket.memoryMb !== attempt.memoryMb) {
      admission.release();
      return failure('crashed', 'INTERNAL', 'the admission is used up, or is not for this attempt', NO_USAGE);
    }
    const execution: Execution = { attempt, sink: guarded(sink, this.#options.log), interrupt: new AbortController(), done: Promise.resolve() };
    const relay = () => execution.interrupt.abort(interruptReasonOf(signal));
    signal.addEventListener('abort', relay);
    if (signal.aborted) relay();
    this.#executions.add(execution);
    try {
      const outcome = this.#attempt(execution, ticket);
      execution.done = outcome;
      return await outcome;
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
      if (factory !== undefined) return await this.#withBundle(execution, ticket, factory);
      return failure('failed', 'TIER_UNAVAILABLE', `tier ${execution.attempt.tier} cannot be built here`, NO_USAGE);
    } catch (error) {
      return this.#outcomeOfTrouble(execution, error);
    } finally {
      ticket.release();
      if (ticket.state === 'executing') this.#giveSlotBack(ticket);
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
    const container = await organization.claim({ memoryMb, tier, sha256, factory: how.factory, isAlone: how.factory.mustRunAlone?.(attempt) ?? false, interrupt: signal });
    try {
      assertOwner(container, attempt);
      if (signal.aborted) return interrupted(signal);
      return await this.#withServices(execution, (task) => container.execute({ ...task, bundleUrl: how.bundleUrl }));
    } finally {
      organization.unclaim(container);
    }
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
    this.#usedSlots -= 1;
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
  return { started: () => safely(() => sink.started()), event: (event) => safely(() => sink.event(event)) };
}
