import type { ContainerDeath } from '@bullpen/core';

import type { RuntimeContainer } from './container.ts';

/**
 * The warm containers that no attempt uses, of all organizations, in order of use. Guarantees: at most `max` of them;
 * one that was not used for `idleMs` leaves with the next sweep; the least recently used leaves first, where nobody has used it for
 * `ROTATION_MS`, else any but the newest: of organizations that take turns, and are more than `max`, the least recently used one is the
 * next to be asked for, and leaving in this order would leave no turn a warm container at all.
 */
const ROTATION_MS = 5000;

export class IdleContainers {
  readonly #max: number;
  readonly #random: () => number;
  readonly #sinceMs = new Map<RuntimeContainer, number>();

  constructor(max: number, random: () => number = Math.random) {
    this.#max = max;
    this.#random = random;
  }

  /** As many are kept. */
  get max(): number {
    return this.#max;
  }

  has(container: RuntimeContainer): boolean {
    return this.#sinceMs.has(container);
  }

  /** @param nowMs - monotonic */
  add(container: RuntimeContainer, nowMs: number): void {
    this.#sinceMs.delete(container);
    this.#sinceMs.set(container, nowMs);
    if (this.#sinceMs.size > this.#max) this.#makeRoom(nowMs);
  }

  remove(container: RuntimeContainer): void {
    this.#sinceMs.delete(container);
  }

  /** The least recently used that passes the test, taken out of the list. */
  takeOldest(passes: (container: RuntimeContainer) => boolean): RuntimeContainer | null {
    for (const container of this.#sinceMs.keys()) {
      if (!passes(container)) continue;
      this.#sinceMs.delete(container);
      return container;
    }
    return null;
  }

  sweep(nowMs: number, idleMs: number): void {
    for (const sinceMs of [...this.#sinceMs.values()]) {
      if (nowMs - sinceMs < idleMs) return;
      this.#endOldest('idle');
    }
  }

  #makeRoom(nowMs: number): void {
    const [oldestMs = nowMs] = this.#sinceMs.values();
    if (nowMs - oldestMs >= ROTATION_MS) return this.#endOldest('evicted');
    let skip = Math.floor(this.#random() * (this.#sinceMs.size - 1));
    void this.takeOldest(() => (skip -= 1) < 0)?.kill('evicted');
  }

  #endOldest(death: ContainerDeath): void {
    void this.takeOldest(() => true)?.kill(death);
  }
}
