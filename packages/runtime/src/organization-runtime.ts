import {
  BullpenError,
  type Clock, type ContainerDeath, type Logger, type OrganizationRuntimeSnapshot, type Tier,
} from '@bullpen/core';

import { within } from './bounded-wait.ts';
import type { ContainerFactory, RuntimeContainer } from './container.ts';
import type { IdleContainers } from './idle-containers.ts';

/**
 * One organization on one worker: its memory pool and its containers. Guarantees: what its containers hold, those that
 * are being ended included, never passes the pool; what was admitted gets its container; a container serves this
 * organization and no other, one attempt at a time.
 *
 * The pool is promised by size: an admission of 64 MB that finds an idle container of 64 MB reserves that one (which one
 * is decided when the bundle is known), and new memory only where there is none left.
 */

export interface OrganizationRuntimeOptions {
  readonly orgId: string;
  readonly poolMb: () => number;
  readonly idle: IdleContainers;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Wanted {
  readonly memoryMb: number;
  readonly tier: Tier;
  readonly factory: ContainerFactory;
  readonly sha256: string;
  /** In a container for this attempt only. */
  readonly isAlone: boolean;
  /** No container is started any more once this is aborted. */
  readonly interrupt: AbortSignal;
}

/** How long a container may wait for those before it to be gone. */
const ROOM_WAIT_MS = 5000;

/**
 * Containers that ran nothing when they were ended are gone within milliseconds: admissions do not count them, and
 * whoever starts a thread in their place waits. One that was killed may sit in a native call, and counts until it is gone.
 */
const PROMPT_DEATHS: readonly (ContainerDeath | null)[] = ['idle', 'evicted', 'recycled'];

export class OrganizationRuntime {
  readonly orgId: string;
  readonly #options: OrganizationRuntimeOptions;
  /** All whose memory is still held. */
  readonly #containers = new Set<RuntimeContainer>();
  readonly #claimed = new Set<RuntimeContainer>();
  /** Admissions that have no container yet, by size in MB. */
  readonly #pending = new Map<number, number>();
  readonly #deaths: Partial<Record<ContainerDeath, number>> = {};
  #activeMb = 0;
  #lastUsedMs: number;

  constructor(options: OrganizationRuntimeOptions) {
    this.orgId = options.orgId;
    this.#options = options;
    this.#lastUsedMs = options.clock.monotonicMs();
  }

  /** Monotonic: when something was last admitted or finished here. */
  get lastUsedMs(): number {
    return this.#lastUsedMs;
  }

  get holdsNothing(): boolean {
    return this.#containers.size === 0 && this.#activeMb === 0 && this.#pending.size === 0;
  }

  /** What is promised or held: running, admitted, idle, and killed but not gone. */
  get reservedMb(): number {
    let totalMb = this.#activeMb + this.#endingMb();
    const idleBySize = this.#idleBySize();
    for (const sizeMb of new Set([...idleBySize.keys(), ...this.#pending.keys()])) {
      totalMb += sizeMb * Math.max(idleBySize.get(sizeMb) ?? 0, this.#pending.get(sizeMb) ?? 0);
    }
    return totalMb;
  }

  /** Promises `memoryMb` out of the pool, ending idle containers where that makes room; false where it does not. */
  admit(memoryMb: number): boolean {
    const poolMb = this.#options.poolMb();
    const neededMb = this.#activeMb + this.#endingMb() + this.#pendingMb() + memoryMb;
    if (neededMb > poolMb) return false;
    this.#lastUsedMs = this.#options.clock.monotonicMs();
    this.#addPending(memoryMb, 1);
    while (this.reservedMb > poolMb && this.#evictSpare());
    return true;
  }

  /** Gives an admission back that no container was asked for. */
  withdraw(memoryMb: number): void {
    this.#addPending(memoryMb, -1);
  }

  /**
   * Turns an admission into a container: one that has the bundle warm, else any idle one of the size, else a new one.
   * @throws CONTAINER_CRASHED where none could be started, SHUTTING_DOWN where the attempt was interrupted meanwhile; the
   *   admission is used up then as well.
   */
  async claim(wanted: Wanted): Promise<RuntimeContainer> {
    this.#addPending(wanted.memoryMb, -1);
    this.#activeMb += wanted.memoryMb;
    try {
      for (let idle = this.#takeIdle(wanted); idle !== null; idle = this.#takeIdle(wanted)) {
        if (await idle.settled()) return idle;
        this.#claimed.delete(idle);
      }
      return await this.#startNew(wanted);
    } catch (error) {
      this.#activeMb -= wanted.memoryMb;
      throw error;
    }
  }

  /** The attempt is over; a container that is still warm waits for the next one. */
  unclaim(container: RuntimeContainer): void {
    this.#lastUsedMs = this.#options.clock.monotonicMs();
    this.#activeMb -= container.limitMb;
    this.#claimed.delete(container);
    if (container.state === 'warm') this.#options.idle.add(container, this.#lastUsedMs);
  }

  /** Ends every container; resolves when all are gone. */
  async endAll(death: ContainerDeath): Promise<void> {
    await Promise.all([...this.#containers].map((container) => container.kill(death)));
  }

  snapshot(): OrganizationRuntimeSnapshot {
    return {
      orgId: this.orgId,
      poolMb: this.#options.poolMb(),
      reservedMb: this.reservedMb,
      containers: [...this.#containers].map((container) => container.snapshot()),
      deaths: { ...this.#deaths },
    };
  }

  #takeIdle({ memoryMb, tier, sha256, isAlone }: Wanted): RuntimeContainer | null {
    if (isAlone) return null;
    let found: RuntimeContainer | null = null;
    for (const container of this.#containers) {
      if (!this.#isIdle(container) || container.limitMb !== memoryMb || container.tier !== tier) continue;
      found ??= container;
      if (!container.hasWarm(sha256)) continue;
      found = container;
      break;
    }
    if (found !== null) {
      this.#options.idle.remove(found);
      this.#claimed.add(found);
    }
    return found;
  }

  async #startNew({ memoryMb, factory, isAlone, interrupt }: Wanted): Promise<RuntimeContainer> {
    // Between the last look at the room and the start of the thread nothing else runs.
    while (!this.#hasRoom(memoryMb)) await this.#nextGone();
    if (interrupt.aborted) throw new BullpenError('SHUTTING_DOWN', 'the attempt was interrupted before its container started');
    const container = factory({ orgId: this.orgId, limitMb: memoryMb, isAlone });
    this.#containers.add(container);
    this.#claimed.add(container);
    void container.gone.then(() => this.#onGone(container));
    try {
      await container.start();
      return container;
    } catch (error) {
      this.#claimed.delete(container);
      throw error;
    }
  }

  /** The pool holds for threads as it does for promises. Ends idle containers that stand in the way. */
  #hasRoom(memoryMb: number): boolean {
    let missingMb = this.#heldMb() + memoryMb - this.#options.poolMb();
    while (missingMb > 0) {
      const ended = this.#endIdle(() => true);
      if (ended === null) break;
      missingMb -= ended.limitMb;
    }
    // With nothing on its way out the pool was made smaller meanwhile: what was promised is kept.
    return this.#heldMb() + memoryMb <= this.#options.poolMb() || this.#ending().length === 0;
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
    return this.#endIdle(({ limitMb }) => (idleBySize.get(limitMb) ?? 0) > (this.#pending.get(limitMb) ?? 0)) !== null;
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
    return [...this.#containers].filter((container) => !this.#claimed.has(container) && !this.#isIdle(container));
  }

  #addPending(sizeMb: number, count: number): void {
    const left = (this.#pending.get(sizeMb) ?? 0) + count;
    if (left > 0) this.#pending.set(sizeMb, left);
    else this.#pending.delete(sizeMb);
  }

  #pendingMb(): number {
    let totalMb = 0;
    for (const [sizeMb, count] of this.#pending) totalMb += sizeMb * count;
    return totalMb;
  }

  #heldMb(): number {
    let totalMb = 0;
    for (const { limitMb } of this.#containers) totalMb += limitMb;
    return totalMb;
  }

  #endingMb(): number {
    let totalMb = 0;
    for (const { death, limitMb } of this.#ending()) if (!PROMPT_DEATHS.includes(death)) totalMb += limitMb;
    return totalMb;
  }

  #idleBySize(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const container of this.#containers) {
      if (this.#isIdle(container)) counts.set(container.limitMb, (counts.get(container.limitMb) ?? 0) + 1);
    }
    return counts;
  }
}
