import {
  BullpenError, messageOf,
  type Clock, type ContainerDeath, type Logger, type OrganizationRuntimeSnapshot, type Tier,
} from '@bullpen/core';

import { within } from './bounded-wait.ts';
import type { ContainerFactory, ContainerPlan, RuntimeContainer } from './container.ts';
import { DemandWindow } from './demand-window.ts';
import { isEngineLost } from './engine.ts';
import type { IdleContainers } from './idle-containers.ts';
import { PoolPromises } from './pool-promises.ts';
import { ShortWaits } from './short-waits.ts';

/**
 * One organization on one worker: its memory pool and its containers. Guarantees: what was reserved, for runs, for idle
 * containers and for those that are being ended, never passes the pool; what was admitted gets its container; a container
 * serves this organization and no other, one attempt at a time.
 *
 * A run reserves what its version is known to need and is killed at its limit: the pool is over-committed, and this is
 * the rule that keeps it safe. (1) Reserves never pass the pool, limits of runs never `OVERCOMMIT` times the pool.
 * (2) While what is really held is `NEAR` of the pool or more, nothing is admitted and idle containers end. (3) Beyond the
 * pool the run that holds most above its reserve, the newest of equals, is handed back to the
 * queue without losing its attempt, one at a look, and its version reserves its whole limit until it is known anew.
 *
 * The pool is promised by size: an admission of 64 MB that finds an idle container of 64 MB reserves that one (which one
 * is decided when the bundle is known), and new memory only where there is none left.
 *
 * A run that finds no idle container starts one, unless it is known to be short and one in use will be free sooner (short-waits.ts).
 */

export interface OrganizationRuntimeOptions {
  readonly orgId: string;
  readonly poolMb: () => number;
  readonly idle: IdleContainers;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Wanted {
  /** The limit, and the size of the container. */
  readonly memoryMb: number;
  /** What was reserved by the admission. */
  readonly reserveMb: number;
  readonly tier: Tier;
  readonly factory: ContainerFactory;
  readonly sha256: string;
  /** In a container for this attempt only. */
  readonly isAlone: boolean;
  /** No container is started any more once this is aborted. */
  readonly interrupt: AbortSignal;
}

/** Limits of runs together, over the pool. */
const OVERCOMMIT = 2;
/** Of the pool: from here on nothing is admitted. */
const NEAR = 0.9;
/** How long a container may wait for those before it to be gone. */
const ROOM_WAIT_MS = 5000;

/** Of one container, where what it starts in ends meanwhile. */
const MAX_STARTS = 4;

/** Null where one is to be started. */
type Next = RuntimeContainer | null | Promise<RuntimeContainer | null>;

/** A container while an attempt has it. */
interface Claimed {
  /** What its run reserved, MB. */
  readonly reserveMb: number;
  readonly sha256: string;
  readonly isAlone: boolean;
  /** Monotonic: since when it could have run. */
  readonly sinceMs: number;
}

/**
 * Containers that ran nothing when they were ended are gone within milliseconds: admissions do not count them, and
 * whoever starts a thread in their place waits. One that was killed may sit in a native call, and counts until it is gone.
 */
const PROMPT_DEATHS: readonly (ContainerDeath | null)[] = ['idle', 'evicted', 'recycled'];

export class OrganizationRuntime {
  readonly orgId: string;
  readonly #options: OrganizationRuntimeOptions;
  /** All whose memory is still held, and how much of the pool that is, MB: what their last run reserved. */
  readonly #containers = new Map<RuntimeContainer, number>();
  /** In the order of their claims. */
  readonly #claimed = new Map<RuntimeContainer, Claimed>();
  readonly #waits: ShortWaits;
  readonly #pending = new PoolPromises();
  /** Those that were started before anybody asked, until they are warm. */
  readonly #ahead = new Set<RuntimeContainer>();
  readonly #demand: DemandWindow<string>;
  /** How to make more of a kind. */
  readonly #kinds = new Map<string, Pick<Wanted, 'memoryMb' | 'reserveMb' | 'tier' | 'factory'>>();
  readonly #deaths: Partial<Record<ContainerDeath, number>> = {};
  #activeMb = 0;
  #activeLimitMb = 0;
  #isNearPool = false;
  #lastUsedMs: number;

  constructor(options: OrganizationRuntimeOptions) {
    this.orgId = options.orgId;
    this.#options = options;
    this.#demand = new DemandWindow(() => options.clock.monotonicMs());
    this.#waits = new ShortWaits(() => options.clock.monotonicMs());
    this.#lastUsedMs = options.clock.monotonicMs();
  }

  /** Monotonic: when something was last admitted or finished here. */
  get lastUsedMs(): number {
    return this.#lastUsedMs;
  }

  /** With those that start, and those that end. */
  get containerCount(): number {
    return this.#containers.size;
  }

  get holdsNothing(): boolean {
    return this.#containers.size === 0 && this.#activeMb === 0 && this.#pending.isEmpty;
  }

  /** What is promised or held: running, admitted, idle, and killed but not gone. */
  get reservedMb(): number {
    return this.#activeMb + this.#endingMb() + this.#pending.withIdleMb(this.#idleBySize());
  }

  /** What its containers really hold, by their last readings. */
  get usedMb(): number {
    let totalMb = 0;
    for (const container of this.#containers.keys()) totalMb += heldBy(container);
    return totalMb;
  }

  /**
   * Promises `reserveMb` out of the pool for a run that is killed at `limitMb`, ending idle containers where that makes
   * room; false where it does not.
   */
  admit(limitMb: number, reserveMb = limitMb): boolean {
    if (!this.fits(limitMb, reserveMb)) return false;
    this.#lastUsedMs = this.#options.clock.monotonicMs();
    this.#pending.add(limitMb, reserveMb);
    while (this.reservedMb > this.#options.poolMb() && this.#evictSpare());
    return true;
  }

  /** Gives an admission back that no container was asked for. */
  withdraw(limitMb: number, reserveMb = limitMb): void {
    this.#pending.remove(limitMb, reserveMb);
  }

  /**
   * Looks at what is really held and keeps the rule of the pool.
   * @returns the container whose run has to be handed back, where it has come to that
   */
  relieve(): RuntimeContainer | null {
    const poolMb = this.#options.poolMb();
    const mayBeNear = [...this.#containers.keys()].reduce((sum, { limitMb }) => sum + limitMb, 0) >= NEAR * poolMb;
    const usedMb = mayBeNear ? this.usedMb : 0;
    this.#isNearPool = usedMb >= NEAR * poolMb;
    if (!this.#isNearPool || this.#endIdle(() => true) !== null || usedMb <= poolMb) return null;
    // What is on its way out makes room first.
    const isEnding = this.#ending().length > 0 || [...this.#claimed.keys()].some(({ death }) => death !== null);
    return isEnding ? null : this.#mostOverReserve();
  }

  /**
   * Starts containers ahead, up to what was in use at once lately, where the pool has room that nobody has reserved.
   * Cells of tier strict are no organization's before they are used: their own pool does this for them.
   */
  warmUp(mayStart: () => boolean): void {
    for (const kind of this.#demand.kinds()) {
      const how = this.#kinds.get(kind);
      if (how === undefined || how.tier === 'strict') continue;
      // For a run like the last one.
      const hasRoom = () => this.#takenMb + how.reserveMb <= this.#options.poolMb() && !this.#isNearPool;
      while (this.#countOf(kind) < this.#demand.expected(kind) && hasRoom() && mayStart()) {
        this.#startAhead(how);
      }
    }
  }

  /**
   * Turns an admission into a container: one that has the bundle warm, else any idle one of the size, else one that is about to be
   * free, else a new one.
   * @throws CONTAINER_CRASHED where none could be started, SHUTTING_DOWN where the attempt was interrupted meanwhile; the
   *   admission is used up then as well.
   */
  async claim(wanted: Wanted): Promise<RuntimeContainer> {
    this.#pending.remove(wanted.memoryMb, wanted.reserveMb);
    this.#activeMb += wanted.reserveMb;
    this.#activeLimitMb += wanted.memoryMb;
    try {
      const next = this.#next(wanted);
      const reused = next === null ? null : await this.#reuse(wanted, next);
      return reused ?? await this.#startInDemand(wanted);
    } catch (error) {
      this.#activeMb -= wanted.reserveMb;
      this.#activeLimitMb -= wanted.memoryMb;
      throw error;
    }
  }

  /** The attempt is over; a container that is still warm is for the next one. */
  unclaim(container: RuntimeContainer): void {
    this.#lastUsedMs = this.#options.clock.monotonicMs();
    const claimed = this.#claimed.get(container);
    if (claimed !== undefined) this.#waits.learn(claimed.sha256, this.#lastUsedMs - claimed.sinceMs);
    this.#activeMb -= claimed?.reserveMb ?? 0;
    this.#activeLimitMb -= container.limitMb;
    this.#demand.end(kindOf(container.tier, container.limitMb));
    this.#claimed.delete(container);
    if (container.state === 'warm') this.#offer(container);
  }

  /** One that came after its attempt was interrupted: that it was not used says nothing of its bundle. */
  unclaimUnused(container: RuntimeContainer): void {
    const claimed = this.#claimed.get(container);
    if (claimed !== undefined) this.#claimed.set(container, { ...claimed, sha256: '' });
    this.unclaim(container);
  }

  find(passes: (container: RuntimeContainer) => boolean): RuntimeContainer | undefined {
    return [...this.#containers.keys()].find(passes);
  }

  /** Ends every container; resolves when all are gone. */
  async endAll(death: ContainerDeath): Promise<void> {
    await Promise.all([...this.#containers.keys()].map((container) => container.kill(death)));
  }

  snapshot(): OrganizationRuntimeSnapshot {
    return {
      orgId: this.orgId,
      poolMb: this.#options.poolMb(),
      reservedMb: this.reservedMb,
      containers: [...this.#containers].map(([container, reserveMb]) => ({ ...container.snapshot(), reserveMb })),
      deaths: { ...this.#deaths },
    };
  }

  /** A container that is there, or will be soon; null where one is to be started. */
  async #reuse(wanted: Wanted, next: Next): Promise<RuntimeContainer | null> {
    for (let found = await next; found !== null; found = await this.#next(wanted)) {
      this.#claim(found, wanted);
      if (await found.settled()) {
        this.#demand.begin(kindOf(found.tier, found.limitMb));
        return found;
      }
      this.#claimed.delete(found);
    }
    return null;
  }

  #next(wanted: Wanted): Next {
    if (wanted.isAlone) return null;
    const idle = this.#takeIdle(wanted);
    if (idle !== null || this.#claimed.size === 0 || !this.#waits.isWorthIt(wanted.sha256, this.#inUse(wanted))) return idle;
    return this.#waits.join(kindOf(wanted.tier, wanted.memoryMb), wanted.reserveMb, wanted.interrupt);
  }

  #takeIdle(wanted: Wanted): RuntimeContainer | null {
    const { memoryMb, tier, sha256 } = wanted;
    let found: RuntimeContainer | null = null;
    for (const container of this.#containers.keys()) {
      if (!this.#isIdle(container) || container.limitMb !== memoryMb || container.tier !== tier) continue;
      found ??= container;
      if (!container.hasWarm(sha256)) continue;
      found = container;
      break;
    }
    if (found !== null) {
      this.#options.idle.remove(found);
      this.#claim(found, wanted);
    }
    return found;
  }

  /** For whoever waits for such a one, or for later. */
  #offer(container: RuntimeContainer): void {
    const reserveMb = this.#waits.serve(kindOf(container.tier, container.limitMb), container);
    if (reserveMb === null) this.#options.idle.add(container, this.#options.clock.monotonicMs());
    // Its own from here on: the waiting run hears of it a turn later.
    else this.#claim(container, { reserveMb, sha256: '', isAlone: false });
  }

  #claim(container: RuntimeContainer, { reserveMb, sha256, isAlone }: Pick<Wanted, 'reserveMb' | 'sha256' | 'isAlone'>): void {
    this.#containers.set(container, reserveMb);
    this.#claimed.set(container, { reserveMb, sha256, isAlone, sinceMs: this.#options.clock.monotonicMs() });
  }

  /** Containers of this kind that the next run may have after the one that they execute, or start for. */
  #inUse({ tier, memoryMb }: Wanted): number {
    let count = 0;
    for (const [container, { isAlone }] of this.#claimed) {
      if (!isAlone && container.death === null && container.tier === tier && container.limitMb === memoryMb) count += 1;
    }
    return count;
  }

  async #startInDemand(wanted: Wanted): Promise<RuntimeContainer> {
    const kind = kindOf(wanted.tier, wanted.memoryMb);
    this.#demand.begin(kind);
    const askedMs = this.#options.clock.monotonicMs();
    try {
      const started = await this.#startNew(wanted);
      this.#waits.learnStart(this.#options.clock.monotonicMs() - askedMs);
      // Only what could be started is started ahead.
      this.#kinds.set(kind, wanted);
      this.#claim(started, wanted); // its time begins here
      return started;
    } catch (error) {
      this.#demand.end(kind);
      throw error;
    }
  }

  async #startNew(wanted: Wanted, startsLeft = MAX_STARTS): Promise<RuntimeContainer> {
    const { memoryMb, reserveMb, factory, isAlone, interrupt } = wanted;
    // Between the last look at the room and the start of the thread nothing else runs.
    while (!this.#hasRoom(reserveMb)) {
      for (const container of this.#ending()) if (container.death === 'recycled') void container.kill('recycled'); // it may be taking its time
      await this.#nextGone();
    }
    if (interrupt.aborted) throw new BullpenError('SHUTTING_DOWN', 'the attempt was interrupted before its container started');
    const container = this.#make(factory, { orgId: this.orgId, limitMb: memoryMb, isAlone }, reserveMb);
    this.#claim(container, wanted);
    try {
      await container.start();
      return container;
    } catch (error) {
      this.#claimed.delete(container);
      // No code of the agent has run in it: the process around it had to end for the fault of another attempt, or an operator ended the container.
      const isInnocent = isEngineLost(error) || container.death === 'killed';
      if (!isInnocent || startsLeft <= 1 || interrupt.aborted) throw error;
      return this.#startNew(wanted, startsLeft - 1);
    }
  }

  #make(factory: ContainerFactory, plan: ContainerPlan, reserveMb: number): RuntimeContainer {
    const container = factory(plan);
    this.#containers.set(container, reserveMb);
    void container.gone.then(() => this.#onGone(container));
    return container;
  }

  /** One that nobody asked for yet; it becomes idle once it is warm. */
  #startAhead({ factory, memoryMb, reserveMb }: Pick<Wanted, 'memoryMb' | 'reserveMb' | 'factory'>): void {
    const container = this.#make(factory, { orgId: this.orgId, limitMb: memoryMb, isAlone: false }, reserveMb);
    this.#ahead.add(container);
    container.start().then(
      () => {
        this.#ahead.delete(container);
        if (container.state === 'warm') this.#offer(container);
      },
      (error: unknown) => {
        this.#ahead.delete(container);
        this.#options.log.warn({ orgId: this.orgId, limitMb: memoryMb, error: messageOf(error) }, 'container.not-started-ahead');
      },
    );
  }

  /** With those that are nearly gone: nobody waits for their memory to start a container ahead. */
  get #takenMb(): number {
    return Math.max(this.reservedMb, this.#heldMb() + this.#pending.reservedMb);
  }

  #countOf(kind: string): number {
    return [...this.#containers.keys()].filter(({ tier, limitMb, death }) => death === null && kindOf(tier, limitMb) === kind).length;
  }

  /** Of those whose run holds more than it reserved; the last one claimed, of equals. */
  #mostOverReserve(): RuntimeContainer | null {
    let most: { container: RuntimeContainer; overMb: number } | null = null;
    for (const [container, { reserveMb }] of this.#claimed) {
      const overMb = heldBy(container) - reserveMb;
      if (overMb > 0 && (most === null || overMb >= most.overMb)) most = { container, overMb };
    }
    return most?.container ?? null;
  }

  /** Whether a run of this size would be admitted now. */
  fits(limitMb: number, reserveMb = limitMb): boolean {
    if (this.#isNearPool && !this.holdsNothing) return false;
    const isWithinLimits = this.#activeLimitMb + this.#pending.limitMb + limitMb <= this.#mostLimitMb();
    return isWithinLimits && this.#promisedMb() + reserveMb <= this.#options.poolMb();
  }

  #mostLimitMb(): number {
    return OVERCOMMIT * this.#options.poolMb();
  }

  /** What no eviction could free. */
  #promisedMb(): number {
    return this.#activeMb + this.#endingMb() + this.#pending.reservedMb;
  }

  /** The pool holds for threads as it does for promises. Ends idle containers that stand in the way. */
  #hasRoom(reserveMb: number): boolean {
    while (this.#heldMb() + reserveMb - this.#endingPromptlyMb() > this.#options.poolMb() && this.#endIdle(() => true) !== null);
    // With nothing on its way out the pool was made smaller meanwhile: what was promised is kept.
    return this.#heldMb() + reserveMb <= this.#options.poolMb() || this.#ending().length === 0;
  }

  async #nextGone(): Promise<void> {
    const gone = this.#ending().map((container) => container.gone);
    await within(Promise.race(gone), ROOM_WAIT_MS, 'no room').catch((cause: unknown) => {
      throw new BullpenError('CONTAINER_CRASHED', 'the containers before this one did not end', { orgId: this.orgId }, { cause });
    });
  }

  /** Ends the least recently used idle container that no admission counts on. */
  #evictSpare(): boolean {
    const idleBySize = this.#idleBySize();
    return this.#endIdle(({ limitMb }) => (idleBySize.get(limitMb)?.length ?? 0) > this.#pending.count(limitMb)) !== null;
  }

  #endIdle(passes: (container: RuntimeContainer) => boolean): RuntimeContainer | null {
    const container = this.#options.idle.takeOldest((idle) => this.#containers.has(idle) && this.#isIdle(idle) && passes(idle));
    void container?.kill('evicted');
    return container;
  }

  #onGone(container: RuntimeContainer): void {
    const { death } = container;
    this.#containers.delete(container);
    this.#options.idle.remove(container);
    if (death !== null) this.#deaths[death] = (this.#deaths[death] ?? 0) + 1;
    this.#options.log.debug({ orgId: this.orgId, containerId: container.id, death }, 'container.gone');
  }

  #isIdle(container: RuntimeContainer): boolean {
    return container.state === 'warm' && this.#options.idle.has(container);
  }

  #ending(): RuntimeContainer[] {
    return [...this.#containers.keys()].filter((container) => !this.#claimed.has(container) && !this.#isIdle(container) && !this.#isAhead(container));
  }

  #isAhead(container: RuntimeContainer): boolean {
    return this.#ahead.has(container) && container.death === null;
  }

  #heldMb(): number {
    return [...this.#containers.values()].reduce((sum, heldMb) => sum + heldMb, 0);
  }

  /** Of what counts until it is gone. Those that start ahead count as well, and are not evicted before they are idle. */
  #endingMb(): number {
    let totalMb = 0;
    for (const [container, heldMb] of this.#containers) if (this.#isAhead(container)) totalMb += heldMb;
    for (const container of this.#ending()) if (!PROMPT_DEATHS.includes(container.death)) totalMb += this.#containers.get(container) ?? 0;
    return totalMb;
  }

  #endingPromptlyMb(): number {
    const promptly = this.#ending().filter(({ death }) => PROMPT_DEATHS.includes(death));
    return promptly.reduce((sum, container) => sum + (this.#containers.get(container) ?? 0), 0);
  }

  /** What each idle container holds of the pool, by size. */
  #idleBySize(): Map<number, number[]> {
    const held = new Map<number, number[]>();
    for (const [container, heldMb] of this.#containers) {
      if (this.#isIdle(container)) held.set(container.limitMb, [...(held.get(container.limitMb) ?? []), heldMb]);
    }
    return held;
  }
}

function kindOf(tier: Tier, limitMb: number): string {
  return `${tier} ${limitMb}`;
}

/** By its last reading. */
function heldBy(container: RuntimeContainer): number {
  const { heapMb, externalMb } = container.snapshot();
  return heapMb + externalMb;
}
