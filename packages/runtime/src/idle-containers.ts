import type { ContainerDeath } from '@bullpen/core';

import type { RuntimeContainer } from './container.ts';

/**
 * The warm containers that no attempt uses, of all organizations, in order of use. Guarantees: at most `max` of them;
 * one that was not used for `idleMs` leaves with the next sweep; the least recently used leaves first.
 */
export class IdleContainers {
  readonly #max: number;
  readonly #sinceMs = new Map<RuntimeContainer, number>();

  constructor(max: number) {
    this.#max = max;
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
    if (this.#sinceMs.size > this.#max) this.#endOldest('evicted');
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

  #endOldest(death: ContainerDeath): void {
    void this.takeOldest(() => true)?.kill(death);
  }
}
