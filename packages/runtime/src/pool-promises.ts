/**
 * What was admitted and has no container yet, by the size of the container. A promise of 64 MB that finds an idle
 * container of 64 MB takes that one: promises and idle containers of a size are counted together, once.
 */
export class PoolPromises {
  readonly #bySize = new Map<number, { count: number; reservedMb: number }>();

  get isEmpty(): boolean {
    return this.#bySize.size === 0;
  }

  add(limitMb: number, reserveMb: number): void {
    const known = this.#bySize.get(limitMb) ?? { count: 0, reservedMb: 0 };
    this.#bySize.set(limitMb, { count: known.count + 1, reservedMb: known.reservedMb + reserveMb });
  }

  remove(limitMb: number, reserveMb: number): void {
    const known = this.#bySize.get(limitMb);
    if (known === undefined || known.count <= 1) this.#bySize.delete(limitMb);
    else this.#bySize.set(limitMb, { count: known.count - 1, reservedMb: known.reservedMb - reserveMb });
  }

  count(limitMb: number): number {
    return this.#bySize.get(limitMb)?.count ?? 0;
  }

  get reservedMb(): number {
    return [...this.#bySize.values()].reduce((sum, { reservedMb }) => sum + reservedMb, 0);
  }

  /** What they may grow to at most. */
  get limitMb(): number {
    return [...this.#bySize].reduce((sum, [limitMb, { count }]) => sum + limitMb * count, 0);
  }

  /**
   * Promises and idle containers together: those that the promises will take count as the promise.
   * @param idleMb - what each idle container holds, by its size
   */
  withIdleMb(idleMb: ReadonlyMap<number, readonly number[]>): number {
    let totalMb = this.reservedMb;
    for (const [limitMb, held] of idleMb) {
      const spare = Math.max(0, held.length - this.count(limitMb));
      // Which of them the promises take is not known yet: the largest are counted.
      totalMb += held.toSorted((a, b) => b - a).slice(0, spare).reduce((sum, mb) => sum + mb, 0);
    }
    return totalMb;
  }
}
